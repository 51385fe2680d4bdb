#include "diagnosis/stall.h"

#include <array>
#include <utility>

#include "base/text.h"
#include "diagnosis/death_case.h"

namespace cgwarden::diagnosis {

std::vector<Verdict> diagnose_stalls(const StallEvidence& evidence) {
  static constexpr std::array kRules{stalls::frozen,        stalls::stopped_by_signal,
                                     stalls::oom_no_victim, stalls::memory_high,
                                     stalls::io_throttled,  stalls::pids_limit};
  std::vector<Verdict> found;
  if (evidence.cgroups.empty()) return found;
  for (const auto rule : kRules) {
    auto verdict = rule(evidence);
    if (verdict) found.push_back(std::move(*verdict));
  }
  return found;
}

bool is_event(VerdictClass verdict) {
  return verdict == VerdictClass::oom_child || verdict == VerdictClass::pids_limit;
}

namespace stalls {

Verdict begin(const StallEvidence& evidence, VerdictClass verdict_class, Confidence confidence) {
  Verdict verdict;
  verdict.workload = evidence.workload;
  verdict.incarnation = evidence.incarnation;
  verdict.verdict = verdict_class;
  verdict.confidence = confidence;
  verdict.subject = Subject::cgroup;
  verdict.death = false;
  verdict.from = evidence.from;
  verdict.when = evidence.to;
  return verdict;
}

std::optional<Usec> watched(const StallCgroup& cgroup) {
  if (!cgroup.flow_before || !cgroup.flow_after) return std::nullopt;
  const Usec from = cgroup.flow_before->at.boottime;
  const Usec to = cgroup.flow_after->at.boottime;
  return to > from ? std::optional(to - from) : std::nullopt;
}

std::optional<Usec> waited(const StallCgroup& cgroup,
                           std::optional<cgroup::Pressure> StallCgroup::Flow::* file,
                           std::optional<cgroup::PressureLine> cgroup::Pressure::* line) {
  if (!watched(cgroup)) return std::nullopt;
  const auto& before = (*cgroup.flow_before).*file;
  const auto& after = (*cgroup.flow_after).*file;
  if (!before || !after || !((*before).*line) || !((*after).*line)) return std::nullopt;
  const auto rose = rise(((*before).*line)->total_usec, ((*after).*line)->total_usec);
  return rose ? std::optional(Usec(*rose)) : std::nullopt;
}

}  // namespace stalls
}  // namespace cgwarden::diagnosis
