#include <fmt/format.h>

#include "diagnosis/rules/rules.h"

namespace cgwarden::diagnosis::rules {

std::optional<Verdict> agent_restarted(const DeathCase& death) {
  const DeathEvidence& evidence = death.evidence;
  if (!evidence.agent_was_away || evidence.main_exit || evidence.init_exit) return std::nullopt;
  // That nobody was there is certain, and all that is.
  Verdict verdict = death.begin(VerdictClass::agent_restarted, Confidence::likely);
  verdict.answer = fmt::format(
      "{} ended while no agent was running, and its shim (cgwarden-shim) left no exit status",
      evidence.workload);
  verdict.evidence_lost.emplace_back("the wait status of the main process");
  verdict.contributing = death.oom.conflicts;
  death.contribute_oom_kills(verdict);
  if (const auto ruled_out = death.oom_ruled_out()) verdict.ruled_out.push_back(*ruled_out);
  verdict.advice.emplace_back(
      "Who ended the agent and the shim together (a `kill -9` of both, an OOM kill of the "
      "machine)? "
      "`cgwarden kmsg` and journalctl have the minutes before the agent's start.");
  return verdict;
}

}  // namespace cgwarden::diagnosis::rules
