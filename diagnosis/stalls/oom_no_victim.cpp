#include <fmt/format.h>

#include "base/text.h"
#include "diagnosis/death_case.h"
#include "diagnosis/stall.h"

namespace cgwarden::diagnosis::stalls {
namespace {

// An OOM that kills counts one `oom`; one that finds nobody is tried again at once, some 90 times a
// second.
constexpr std::uint64_t kLeastTries = 5;

}  // namespace

std::optional<Verdict> oom_no_victim(const StallEvidence& evidence) {
  const StallCgroup& payload = evidence.cgroups.front();
  const auto& before = payload.before;
  const auto& after = payload.after;
  if (!before.memory_events || !after.memory_events || !before.memory_events_local ||
      !after.memory_events_local) {
    return std::nullopt;
  }
  const auto tries = rise(before.memory_events_local->oom, after.memory_events_local->oom);
  const auto kills = rise(before.memory_events->oom_kill, after.memory_events->oom_kill);
  if (!tries || *tries < kLeastTries || kills != 0U) return std::nullopt;
  Verdict verdict = begin(evidence, VerdictClass::stalled_oom_no_victim, Confidence::strong);
  verdict.actor = Actor{std::nullopt, "the kernel's OOM killer, which finds nobody to kill"};
  std::string at = "its limit memory.max";
  if (payload.memory_max && !is_max(*payload.memory_max)) {
    const Bytes limit = std::get<Bytes>(*payload.memory_max);
    verdict.limit = LimitHit{payload.path, "memory.max", std::to_string(limit.value)};
    at = "its limit memory.max = " + human_bytes(limit);
    // The third source: it stands at the limit now.
    if (payload.memory_current && payload.memory_current->value >= limit.value / 100 * 95) {
      verdict.confidence = Confidence::proven;
      verdict.evidence.push_back(
          {"memory.current", payload.path, std::to_string(payload.memory_current->value)});
    }
  }
  verdict.answer = fmt::format(
      "{} hangs out of memory at {}: the kernel looked {} times for a process to kill in {} and "
      "found none that it may",
      evidence.workload, at, *tries, human_duration(evidence.to.boottime - evidence.from.boottime));
  verdict.evidence.push_back(
      {"memory.events.local", payload.path, fmt::format("oom +{}, oom_kill +0", *tries)});
  verdict.ruled_out.emplace_back("a kill: the kernel counted none in this cgroup and below it");
  verdict.advice.emplace_back(
      "Raise memory.max now to let it go on, and give its processes an oom_score_adj above -1000, "
      "which forbids the kernel to kill them.");
  return verdict;
}

}  // namespace cgwarden::diagnosis::stalls
