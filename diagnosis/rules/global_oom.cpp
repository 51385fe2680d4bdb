#include <fmt/format.h>

#include "diagnosis/rules/oom_verdict.h"
#include "diagnosis/rules/rules.h"

namespace cgwarden::diagnosis::rules {

std::optional<Verdict> global_oom(const DeathCase& death) {
  const bool manual = death.oom.cause == OomCause::manual;
  if (!manual && death.oom.cause != OomCause::machine) return std::nullopt;
  Verdict verdict = begin_oom(death, manual ? VerdictClass::oom_manual : VerdictClass::oom_global);
  verdict.answer = oom_subject(death) +
                   (manual ? ", which somebody ran by hand (sysrq-f)"
                           : ": the whole machine was out of memory, no cgroup's limit was hit") +
                   victim_text(verdict);
  if (death.counters_complete && death.own_oom == 0U && death.limiting_ancestors.empty()) {
    verdict.ruled_out.push_back(fmt::format(
        "its own and its ancestors' limits: none of them counted `oom` {}", death.span()));
  }
  if (!manual && death.oom.record == nullptr) {
    verdict.contributing.push_back(
        "a kill by hand (sysrq-f) looks the same in the counters; the kernel log, which would "
        "tell, "
        "has no line of it");
  }
  verdict.advice.push_back(manual
                               ? "Ask who wrote `f` to /proc/sysrq-trigger."
                               : "Find what filled the machine; memory.low or memory.min protects "
                                 "this workload, a memory.max on the others bounds them.");
  return verdict;
}

}  // namespace cgwarden::diagnosis::rules
