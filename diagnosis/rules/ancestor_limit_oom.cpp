#include <fmt/format.h>

#include "diagnosis/rules/oom_verdict.h"
#include "diagnosis/rules/rules.h"

namespace cgwarden::diagnosis::rules {

std::optional<Verdict> ancestor_limit_oom(const DeathCase& death) {
  if (death.oom.cause != OomCause::ancestor_limit) return std::nullopt;
  const CgroupEvidence& ancestor = *death.oom.ancestor;
  Verdict verdict = begin_oom(death, VerdictClass::oom_ancestor_limit);
  verdict.limit = memory_limit(ancestor, death.oom.record);
  verdict.answer =
      fmt::format("{}: the cgroup {} above it reached its limit {}{}", oom_subject(death),
                  ancestor.path, limit_text(*verdict.limit), victim_text(verdict));
  if (death.own_oom == 0U) {
    verdict.ruled_out.push_back(fmt::format("its own limit: {} counted no `oom` of its own {}",
                                            death.payload->path, death.span()));
  }
  verdict.ruled_out.push_back("the machine out of memory: a limit was hit");
  verdict.contributing.push_back("everything below " + ancestor.path +
                                 " shares that limit: what used the memory may be a neighbour");
  if (death.payload->memory_peak && ancestor.memory_peak) {
    verdict.evidence.push_back(
        {"memory.peak", death.payload->path, std::to_string(death.payload->memory_peak->value)});
    verdict.evidence.push_back(
        {"memory.peak", ancestor.path, std::to_string(ancestor.memory_peak->value)});
  }
  verdict.advice.push_back(
      fmt::format("Look at memory.current of the cgroups below {}; raising the workload's own "
                  "memory.max changes nothing.",
                  ancestor.path));
  verdict.advice.push_back(
      "Give this workload a memory.low or memory.min, or its neighbours a memory.max, so that it "
      "does not pay for them.");
  return verdict;
}

}  // namespace cgwarden::diagnosis::rules
