#include "diagnosis/stall.h"

#include <array>
#include <utility>

#include "base/text.h"

namespace cgwarden::diagnosis {

std::vector<Verdict> diagnose_stalls(const StallEvidence& evidence) {
  static constexpr std::array kRules{stalls::frozen, stalls::stopped_by_signal,
                                     stalls::oom_no_victim, stalls::memory_high,
                                     stalls::pids_limit};
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

}  // namespace stalls
}  // namespace cgwarden::diagnosis
