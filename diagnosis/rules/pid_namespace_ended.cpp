#include <fmt/format.h>

#include <csignal>

#include "diagnosis/rules/rules.h"
#include "diagnosis/rules/sender.h"

namespace cgwarden::diagnosis::rules {

std::optional<Verdict> pid_namespace_ended(const DeathCase& death) {
  const SignalSent* fatal = death.signal.fatal;
  if (!death.signal.namespace_ended || fatal == nullptr || fatal->by_process()) {
    return std::nullopt;
  }
  Verdict verdict = death.begin(VerdictClass::pid_namespace_ended, Confidence::proven);
  verdict.actor = Actor{fatal->sender.pid, "the kernel, for PID 1 of its pid namespace"};
  verdict.answer = fmt::format(
      "{} was killed by the kernel with its pid namespace: PID 1 of it (pid {}) had ended",
      death.evidence.workload, fatal->sender.pid);
  quote_signal(*fatal, verdict);
  if (const auto ruled_out = death.oom_ruled_out()) verdict.ruled_out.push_back(*ruled_out);
  death.contribute_oom_kills(verdict);
  death.quote_memory_events(verdict);
  verdict.advice.emplace_back("Look for what ended PID 1: everything else there ends with it.");
  return verdict;
}

}  // namespace cgwarden::diagnosis::rules
