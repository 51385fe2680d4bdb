#include <fmt/format.h>

#include "base/text.h"
#include "diagnosis/death_case.h"
#include "diagnosis/stall.h"

namespace cgwarden::diagnosis::stalls {
namespace {

// An OOM that kills counts one `oom`; one that finds nobody is tried again at once, some 90 times a
// second.
constexpr std::uint64_t kLeastTries = 5;

// A limit above is reached for others too: it holds back who waits for memory himself.
constexpr std::uint64_t kWedgeWaitedPercent = 5;

struct Wedge {
  const StallCgroup* cgroup = nullptr;
  std::uint64_t tries = 0;
};

// The nearest whose limit is hit again and again while nobody below it is killed.
Wedge wedge_of(const StallEvidence& evidence) {
  for (const auto& cgroup : evidence.cgroups) {
    const auto& before = cgroup.before;
    const auto& after = cgroup.after;
    if (!before.memory_events || !after.memory_events || !before.memory_events_local ||
        !after.memory_events_local) {
      continue;
    }
    const auto tries = rise(before.memory_events_local->oom, after.memory_events_local->oom);
    const auto kills = rise(before.memory_events->oom_kill, after.memory_events->oom_kill);
    if (tries && *tries >= kLeastTries && kills == 0U) return {&cgroup, *tries};
  }
  return {};
}

// nullopt: not seen.
std::optional<bool> waits_for_memory(const StallCgroup& payload) {
  const auto elapsed = watched(payload);
  const auto some = waited(payload, &StallCgroup::Flow::memory_pressure, &cgroup::Pressure::some);
  if (!elapsed || !some) return std::nullopt;
  return some->count() * 100 >= elapsed->count() * kWedgeWaitedPercent;
}

Confidence sure_of(const StallCgroup& limit, bool own, std::optional<bool> waits) {
  if (!own && !waits) return Confidence::likely;
  if (!own || !limit.memory_max || is_max(*limit.memory_max) || !limit.memory_current) {
    return Confidence::strong;
  }
  // The third source: it stands at the limit now.
  const Bytes bytes = std::get<Bytes>(*limit.memory_max);
  return limit.memory_current->value >= bytes.value / 100 * 95 ? Confidence::proven
                                                               : Confidence::strong;
}

}  // namespace

std::optional<Verdict> oom_no_victim(const StallEvidence& evidence) {
  const StallCgroup& payload = evidence.cgroups.front();
  const auto [limit, tries] = wedge_of(evidence);
  if (limit == nullptr) return std::nullopt;
  const bool own = limit == &payload;
  const auto waits = own ? std::optional(true) : waits_for_memory(payload);
  if (waits == false) return std::nullopt;
  Verdict verdict =
      begin(evidence, VerdictClass::stalled_oom_no_victim, sure_of(*limit, own, waits));
  verdict.actor = Actor{std::nullopt, "the kernel's OOM killer, which finds nobody to kill"};
  std::string at = own ? "its limit memory.max" : "the limit memory.max";
  if (limit->memory_max && !is_max(*limit->memory_max)) {
    const Bytes bytes = std::get<Bytes>(*limit->memory_max);
    verdict.limit = LimitHit{limit->path, "memory.max", std::to_string(bytes.value)};
    at += " = " + human_bytes(bytes);
    if (limit->memory_current) {
      verdict.evidence.push_back(
          {"memory.current", limit->path, std::to_string(limit->memory_current->value)});
    }
  }
  if (!own) at += " of " + limit->path + " above it";
  verdict.answer = fmt::format(
      "{} hangs out of memory at {}: the kernel looked {} times for a process to kill in {} and "
      "found none that it may",
      evidence.workload, at, tries, human_duration(evidence.to.boottime - evidence.from.boottime));
  verdict.evidence.push_back(
      {"memory.events.local", limit->path, fmt::format("oom +{}, oom_kill +0", tries)});
  verdict.ruled_out.emplace_back("a kill: the kernel counted none in " +
                                 (own ? std::string("this cgroup") : limit->path) +
                                 " and below it");
  if (!own) {
    verdict.contributing.push_back("everything below " + limit->path +
                                   " shares that limit: what fills it may be a neighbour");
  }
  verdict.advice.push_back(
      fmt::format("Raise memory.max{} now to let it go on, and give its processes an oom_score_adj "
                  "above -1000, "
                  "which forbids the kernel to kill them.",
                  own ? "" : " of " + limit->path));
  return verdict;
}

}  // namespace cgwarden::diagnosis::stalls
