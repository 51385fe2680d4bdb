#include "diagnosis/rules/oom_verdict.h"
#include "diagnosis/rules/rules.h"

namespace cgwarden::diagnosis::rules {

std::optional<Verdict> unresolved_oom(const DeathCase& death) {
  if (death.oom.cause != OomCause::unresolved) return std::nullopt;
  Verdict verdict = begin_oom(death, VerdictClass::unknown);
  verdict.confidence = Confidence::unknown;
  verdict.answer = oom_subject(death) +
                   ", but whose limit it was, or whether the machine was full, cannot be told" +
                   victim_text(verdict);
  if (!death.counters_complete) {
    verdict.evidence_lost.push_back(
        "memory.events.local of this cgroup and of all above it, at the start and at the end of "
        "the run");
  }
  verdict.advice.push_back(
      "Run `cgwarden doctor`: it says which source of evidence is missing here.");
  return verdict;
}

}  // namespace cgwarden::diagnosis::rules
