#include <fmt/format.h>

#include "base/text.h"
#include "diagnosis/rules/oom_verdict.h"
#include "diagnosis/rules/rules.h"

namespace cgwarden::diagnosis::rules {
namespace {

// From this share of the limit on, memory that no process holds is what filled it.
constexpr std::uint64_t kSharePercent = 50;

std::uint64_t percent(std::uint64_t part, std::uint64_t whole) {
  return static_cast<std::uint64_t>(100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

// What stays charged when its processes are dead is not theirs to free: tmpfs files and shared
// memory, what tasks that were moved away left behind, the kernel's own. Page cache is: it is
// reclaimed before anybody is killed.
struct LeftOver {
  std::uint64_t shmem_percent = 0;
  std::uint64_t other_percent = 0;  // anon and kernel, while no process is left
};

LeftOver left_over(const CgroupEvidence& cgroup, const LimitHit& limit) {
  LeftOver left;
  const auto bytes = parse_integer<std::uint64_t>(limit.value);
  if (!bytes || *bytes == 0 || !cgroup.memory_stat) return left;
  const auto& stat = *cgroup.memory_stat;
  if (stat.shmem) left.shmem_percent = percent(*stat.shmem, *bytes);
  if (cgroup.populated == false) {
    left.other_percent = percent(stat.anon.value_or(0) + stat.kernel.value_or(0), *bytes);
  }
  return left;
}

bool advise_left_over(const LeftOver& left, Verdict& verdict) {
  if (left.shmem_percent >= kSharePercent) {
    verdict.contributing.push_back(fmt::format(
        "{} % of the limit is still charged as shmem (tmpfs or shared memory) after the death: no "
        "process holds it",
        left.shmem_percent));
    verdict.advice.push_back(fmt::format(
        "Raising this limit will not help: {} % is tmpfs or shared memory. A restart does not free "
        "it and a higher limit only delays the next kill: empty the tmpfs, or bound it with its "
        "size= option.",
        left.shmem_percent));
    return true;
  }
  if (left.other_percent < kSharePercent) return false;
  verdict.contributing.push_back(fmt::format(
      "{} % of the limit is still charged after the death though no process is left: of tasks that "
      "were moved away, or of the kernel",
      left.other_percent));
  verdict.advice.emplace_back(
      "Raising this limit will not help for long: what is left over stays charged until the cgroup "
      "is removed. Start the program in its cgroup instead of moving it there.");
  return true;
}

// The log's own figures: what the victim had there is free again when the counters are read.
bool swap_was_full(const OomRecord* record, Bytes limit) {
  return record != nullptr && record->swap_usage && record->swap_limit == limit &&
         record->swap_usage->value >= limit.value;
}

// The limit of swap was reached first: what could have gone there stayed. The kernel counts only
// pages that it tried to put there, and it does not try with a cgroup whose swap is full.
void add_swap(const DeathCase& death, Verdict& verdict) {
  const CgroupEvidence& payload = *death.payload;
  if (!payload.memory_swap_max || is_max(*payload.memory_swap_max)) return;
  const Bytes limit = std::get<Bytes>(*payload.memory_swap_max);
  if (limit.value == 0) return;
  std::uint64_t refused = 0;
  if (payload.before.swap_events && payload.after.swap_events) {
    refused = rise(payload.before.swap_events->fail, payload.after.swap_events->fail).value_or(0);
  }
  const bool full = swap_was_full(death.oom.record, limit);
  if (refused == 0 && !full) return;
  std::string text = "its swap was used up as well: memory.swap.max = " + human_bytes(limit);
  if (full) {
    verdict.evidence.push_back({"kmsg", fmt::format("seq {}", death.oom.record->sequence),
                                fmt::format("swap: usage {} bytes, limit {}",
                                            death.oom.record->swap_usage->value, limit.value)});
  }
  if (refused > 0) {
    verdict.evidence.push_back(
        {"memory.swap.events", payload.path, fmt::format("fail +{}", refused)});
    text += fmt::format(", {} pages were refused", refused);
  }
  verdict.contributing.push_back(std::move(text));
}

void advise(const DeathCase& death, Verdict& verdict) {
  const CgroupEvidence& payload = *death.payload;
  add_swap(death, verdict);
  if (advise_left_over(left_over(payload, *verdict.limit), verdict)) return;
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
  Verdict verdict = begin_oom(death, VerdictClass::oom_nested_limit);
  const OomRecord* record = death.oom.record;
  const bool named = record != nullptr && !record->oom_memcg.empty() && !record->limit_cut;
  const std::string where = named ? record->oom_memcg : "a cgroup below " + death.payload->path;
  if (named) {
    verdict.limit = LimitHit{where, "memory.max", ""};
    if (record->limit) verdict.limit->value = std::to_string(record->limit->value);
  }
  verdict.answer = fmt::format("{}: a limit which the workload itself set on {} was reached{}",
                               oom_subject(death), where, victim_text(verdict));
  if (death.nested_group_kills > 0) {
    verdict.subject = Subject::cgroup;
    verdict.contributing.emplace_back(
        "memory.oom.group is 1 in a cgroup below its own: every process of that one was killed "
        "with "
        "the victim");
  }
  verdict.ruled_out.push_back("the limit of the workload: its cgroup counted no `oom` of its own");
  verdict.advice.push_back("Raise the limit which the workload gives to that inner cgroup.");
  return verdict;
}

}  // namespace cgwarden::diagnosis::rules
