#include <fmt/format.h>

#include "diagnosis/stall.h"

namespace cgwarden::diagnosis::stalls {

std::optional<Verdict> frozen(const StallEvidence& evidence) {
  const StallCgroup& payload = evidence.cgroups.front();
  if (payload.frozen != true) return std::nullopt;
  Verdict verdict = begin(evidence, VerdictClass::frozen, Confidence::proven);
  verdict.actor =
      Actor{std::nullopt, evidence.frozen_by.empty() ? "who wrote 1 to cgroup.freeze (not recorded)"
                                                     : evidence.frozen_by};
  const StallCgroup* by = nullptr;
  for (const auto& cgroup : evidence.cgroups) {
    if (cgroup.freeze == true) by = &cgroup;
  }
  verdict.answer = evidence.workload + " is frozen: its processes stand still";
  if (by != nullptr) {
    verdict.limit = LimitHit{by->path, "cgroup.freeze", "1"};
    verdict.answer += fmt::format(", because cgroup.freeze of {} is 1",
                                  by == &payload ? "its cgroup" : by->path + " above it");
    verdict.evidence.push_back({"cgroup.freeze", by->path, "1"});
  }
  verdict.evidence.push_back({"cgroup.events", payload.path, "frozen 1"});
  verdict.ruled_out.emplace_back("a hang of the program: frozen processes do not run at all");
  verdict.advice.push_back(by == nullptr || by == &payload
                               ? "cgwarden resume " + evidence.workload +
                                     ", or write 0 to its cgroup.freeze."
                               : "Write 0 to cgroup.freeze of " + by->path + ".");
  return verdict;
}

}  // namespace cgwarden::diagnosis::stalls
