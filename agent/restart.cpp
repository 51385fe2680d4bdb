#include "agent/restart.h"

#include <algorithm>
#include <csignal>

#include "base/limits.h"

namespace cgwarden::agent {
namespace {

using Next = RestartDecision::Next;

Next next_of(const policy::Restart& policy, const launcher::ExitRecord& record,
             const AgentNote& note) {
  using policy::RestartPolicy;
  // Who asked for an interactive launch has the error and decides what to do about it.
  if (!note.wanted || note.unconfirmed || policy.policy == RestartPolicy::no) return Next::finished;
  const bool clean = note.unhealthy_incarnation != note.incarnation && record.wait &&
                     record.wait->code == CLD_EXITED && record.wait->status == 0;
  if (policy.policy == RestartPolicy::on_failure && clean) return Next::finished;
  if (policy.max_restarts) {
    return note.restarts >= *policy.max_restarts ? Next::gave_up : Next::restart;
  }
  if (policy.policy == RestartPolicy::on_failure &&
      note.launch_failures_in_row >= limits::kLaunchFailuresInRow) {
    return Next::gave_up;
  }
  return Next::restart;
}

Usec backoff(const policy::Restart& policy, unsigned failures_in_row) {
  Usec delay = policy.backoff;
  for (unsigned i = 1; i < failures_in_row && delay < policy.backoff_max; ++i) delay *= 2;
  return std::min(delay, policy.backoff_max);
}

}  // namespace

RestartDecision decide_restart(const policy::Restart& policy, const launcher::ExitRecord& record,
                               AgentNote& note) {
  const Usec ran = record.ended.boottime - std::min(record.started.boottime, record.ended.boottime);
  note.failures_in_row = ran >= policy.reset_after ? 1 : note.failures_in_row + 1;
  note.launch_failures_in_row = record.launch_error ? note.launch_failures_in_row + 1 : 0;
  note.decided_incarnation = note.incarnation;
  RestartDecision decision{.next = next_of(policy, record, note), .delay = Usec{0}};
  note.wanted = decision.next == Next::restart;
  if (note.wanted) {
    decision.delay = backoff(policy, note.failures_in_row);
    ++note.restarts;
    note.restart_boottime_usec = (record.ended.boottime + decision.delay).count();
  }
  return decision;
}

std::string restart_reason(const launcher::ExitRecord& record, diagnosis::VerdictClass verdict,
                           bool unhealthy) {
  if (record.launch_error) return "launch_failure";
  if (unhealthy) return "unhealthy";
  if (diagnosis::is_oom_death(verdict)) return "oom";
  return !record.wait || record.wait->code != CLD_EXITED ? "signal" : "exit";
}

}  // namespace cgwarden::agent
