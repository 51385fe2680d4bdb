#include <fmt/format.h>

#include "diagnosis/rules/oom_verdict.h"
#include "diagnosis/rules/rules.h"

namespace cgwarden::diagnosis::rules {

std::optional<Verdict> moved_process_oom(const DeathCase& death) {
  if (death.oom.cause != OomCause::elsewhere) return std::nullopt;
  const OomRecord& record = *death.oom.record;
  Verdict verdict = begin_oom(death, VerdictClass::oom_ancestor_limit);
  const bool named = !record.limit_cut;
  verdict.limit = LimitHit{record.oom_memcg, named ? "memory.max" : "", ""};
  if (named && record.limit) verdict.limit->value = std::to_string(record.limit->value);
  if (!named) verdict.limit.reset();
  verdict.answer = fmt::format(
      "{}: its main process had been moved to {}, and {} reached its limit {}{}",
      oom_subject(death), record.task_memcg,
      !named                                  ? "a cgroup below " + record.oom_memcg
      : record.oom_memcg == record.task_memcg ? "that cgroup"
                                              : "the cgroup " + record.oom_memcg + " above that",
      named ? limit_text(*verdict.limit) : "memory.max", victim_text(verdict));
  if (death.own_oom == 0U) {
    verdict.ruled_out.push_back(fmt::format("its own limit: {} counted no `oom` of its own {}",
                                            death.payload->path, death.span()));
  }
  verdict.ruled_out.push_back("the machine out of memory: a limit was hit");
  verdict.advice.push_back(fmt::format(
      "Find who moves processes to {}: what runs there has that cgroup's limits and not the "
      "workload's, and the workload's counters do not show it.",
      record.task_memcg));
  return verdict;
}

}  // namespace cgwarden::diagnosis::rules
