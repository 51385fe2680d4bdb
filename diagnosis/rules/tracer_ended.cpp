#include <fmt/format.h>

#include <algorithm>

#include "diagnosis/rules/rules.h"
#include "diagnosis/rules/sender.h"

namespace cgwarden::diagnosis::rules {

std::optional<Verdict> tracer_ended(const DeathCase& death) {
  const SignalSent* fatal = death.signal.fatal;
  const bool of_namespace = death.signal.namespace_ended;
  if (fatal == nullptr || of_namespace || !fatal->by_tracers_end()) return std::nullopt;
  // A few others of the kernel send it in the same way: for a page that broke, for one.
  const bool traced = fatal->target_tracer && fatal->target_tracer == fatal->sender.pid;
  Verdict verdict =
      death.begin(VerdictClass::killed_by_user,
                  traced && death.oom_ruled_out() ? Confidence::strong : Confidence::likely);
  verdict.actor = actor_of(fatal->sender);
  verdict.answer = fmt::format(
      "{} was killed with SIGKILL by the kernel as {} ended, which traced it and had asked for "
      "that "
      "(PTRACE_O_EXITKILL)",
      death.evidence.workload, sender_text(fatal->sender));
  quote_signal(*fatal, verdict);
  if (const auto ruled_out = death.oom_ruled_out()) verdict.ruled_out.push_back(*ruled_out);
  verdict.contributing = death.oom.conflicts;
  death.contribute_oom_kills(verdict);
  death.quote_memory_events(verdict);
  verdict.advice.emplace_back(
      "Look for what ended the tracer: strace, a sandbox or a debugger that asks for this takes "
      "the "
      "program with it.");
  return verdict;
}

}  // namespace cgwarden::diagnosis::rules
