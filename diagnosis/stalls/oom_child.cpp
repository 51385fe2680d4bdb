#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "diagnosis/death_case.h"
#include "diagnosis/stall.h"

namespace cgwarden::diagnosis::stalls {
namespace {

// Whose limit it was, nearest first; nullptr: nobody's, or not seen.
const StallCgroup* limiting(const StallEvidence& evidence, const OomRecord* record) {
  for (const auto& cgroup : evidence.cgroups) {
    const auto& before = cgroup.before.memory_events_local;
    const auto& after = cgroup.after.memory_events_local;
    if (before && after && rise(before->oom, after->oom).value_or(0) > 0) return &cgroup;
  }
  if (record == nullptr || record->limit_cut) return nullptr;
  for (const auto& cgroup : evidence.cgroups) {
    if (cgroup.path == record->oom_memcg) return &cgroup;
  }
  return nullptr;
}

const OomRecord* record_of(const StallEvidence& evidence, const std::string& path) {
  for (auto at = evidence.oom_records.rbegin(); at != evidence.oom_records.rend(); ++at) {
    if (path_is_at_or_below(at->task_memcg, path) && at->victim_pid != evidence.main_pid) {
      return &*at;
    }
  }
  return nullptr;
}

}  // namespace

std::optional<Verdict> oom_child(const StallEvidence& evidence) {
  if (evidence.cgroups.empty()) return std::nullopt;
  const StallCgroup& payload = evidence.cgroups.front();
  if (!payload.before.memory_events || !payload.after.memory_events) return std::nullopt;
  const auto kills =
      rise(payload.before.memory_events->oom_kill, payload.after.memory_events->oom_kill);
  if (!kills || *kills == 0) return std::nullopt;
  const OomRecord* record = record_of(evidence, payload.path);
  Verdict verdict = begin(evidence, VerdictClass::oom_child,
                          record != nullptr ? Confidence::proven : Confidence::strong);
  verdict.subject = Subject::child;
  verdict.actor = Actor{std::nullopt, "the kernel's OOM killer"};
  std::string who = "a child process";
  if (record != nullptr) {
    verdict.victim = Victim{record->victim_pid, record->victim_comm, record->anon_rss};
    who = fmt::format("its child pid {} `{}`", record->victim_pid, printable(record->victim_comm));
    for (const auto& line : record->lines) {
      verdict.evidence.push_back({"kmsg", fmt::format("seq {}", record->sequence), line});
    }
  }
  verdict.answer =
      fmt::format("{} lives on, but the kernel's OOM killer killed {}", evidence.workload, who);
  if (const StallCgroup* cgroup = limiting(evidence, record)) {
    verdict.limit = LimitHit{cgroup->path, "memory.max", ""};
    if (cgroup->memory_max && !is_max(*cgroup->memory_max)) {
      verdict.limit->value = std::to_string(std::get<Bytes>(*cgroup->memory_max).value);
    }
    verdict.answer += " at the limit memory.max of " +
                      (cgroup == &payload ? std::string("its cgroup") : cgroup->path + " above it");
  }
  verdict.evidence.push_back({"memory.events", payload.path, fmt::format("oom_kill +{}", *kills)});
  verdict.ruled_out.emplace_back("its own death: the main process still runs");
  verdict.advice.emplace_back(
      "Look whether the program notices that its child is gone. memory.oom.group = 1 lets all of "
      "it end together, a higher memory.max gives it room.");
  return verdict;
}

}  // namespace cgwarden::diagnosis::stalls
