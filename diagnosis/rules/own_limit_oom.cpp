#include <fmt/format.h>

#include "base/text.h"
#include "diagnosis/rules/oom_verdict.h"
#include "diagnosis/rules/rules.h"

namespace cgwarden::diagnosis::rules {
namespace {

// From this share of the limit on, memory that no process holds is what filled it.
constexpr std::uint64_t kSharePercent = 50;

// What stays charged when its processes are dead is not theirs to free: tmpfs files and shared
// memory.
std::optional<std::uint64_t> shmem_percent(const CgroupEvidence& cgroup, const LimitHit& limit) {
  const auto bytes = parse_integer<std::uint64_t>(limit.value);
  if (!bytes || *bytes == 0 || !cgroup.memory_stat || !cgroup.memory_stat->shmem) {
    return std::nullopt;
  }
  return static_cast<std::uint64_t>(100.0 * static_cast<double>(*cgroup.memory_stat->shmem) /
                                    static_cast<double>(*bytes));
}

void advise(const DeathCase& death, Verdict& verdict) {
  const CgroupEvidence& payload = *death.payload;
  const auto shmem = shmem_percent(payload, *verdict.limit);
  if (shmem && *shmem >= kSharePercent) {
    verdict.contributing.push_back(fmt::format(
        "{} % of the limit is still charged as shmem (tmpfs or shared memory) after the death: no "
        "process holds it",
        *shmem));
    verdict.advice.push_back(
        "A restart does not free it and a higher limit only delays the next kill: empty the tmpfs, "
        "or bound it with its size= option.");
    return;
  }
  verdict.advice.push_back(
      "If the program needs this much, raise memory.max; if its memory grows without end it is a "
      "leak, and a higher limit only delays the next kill.");
  if (payload.memory_high && is_max(*payload.memory_high)) {
    verdict.advice.push_back(
        "memory.high is max: set below memory.max it makes the kernel reclaim and slow the program "
        "before it kills it.");
  }
}

}  // namespace

std::optional<Verdict> own_limit_oom(const DeathCase& death) {
  if (death.oom.cause != OomCause::own_limit) return std::nullopt;
  const CgroupEvidence& payload = *death.payload;
  Verdict verdict = begin_oom(death, VerdictClass::oom_own_limit);
  verdict.limit = memory_limit(payload, death.oom.record);
  verdict.answer = fmt::format("{}: it reached its own limit {} of {}{}", oom_subject(death),
                               limit_text(*verdict.limit), payload.path, victim_text(verdict));
  verdict.evidence.push_back({"memory.max", payload.path,
                              verdict.limit->value.empty() ? "not read" : verdict.limit->value});
  if (payload.memory_peak) {
    verdict.evidence.push_back(
        {"memory.peak", payload.path, std::to_string(payload.memory_peak->value)});
  }
  if (death.limiting_ancestors.empty() && death.counters_complete) {
    verdict.ruled_out.push_back(
        fmt::format("a limit of an ancestor: none of them counted `oom` {}", death.span()));
  }
  verdict.ruled_out.push_back("the machine out of memory: a limit was hit, that of this cgroup");
  advise(death, verdict);
  return verdict;
}

std::optional<Verdict> nested_limit_oom(const DeathCase& death) {
  if (death.oom.cause != OomCause::nested_limit) return std::nullopt;
  Verdict verdict = begin_oom(death, VerdictClass::oom_own_limit);
  const OomRecord* record = death.oom.record;
  const bool named = record != nullptr && !record->oom_memcg.empty();
  const std::string where = named ? record->oom_memcg : "a cgroup below " + death.payload->path;
  if (named) {
    verdict.limit = LimitHit{where, "memory.max", ""};
    if (record->limit) verdict.limit->value = std::to_string(record->limit->value);
  }
  verdict.answer = fmt::format("{}: a limit which the workload itself set on {} was reached{}",
                               oom_subject(death), where, victim_text(verdict));
  verdict.ruled_out.push_back("the limit of the workload: its cgroup counted no `oom` of its own");
  verdict.advice.push_back("Raise the limit which the workload gives to that inner cgroup.");
  return verdict;
}

}  // namespace cgwarden::diagnosis::rules
