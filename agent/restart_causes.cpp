#include "agent/restart_causes.h"

#include <utility>

namespace cgwarden::agent {
namespace {

RestartCauses::Cause cause_of(diagnosis::VerdictClass verdict) {
  using diagnosis::VerdictClass;
  using enum RestartCauses::Cause;
  if (diagnosis::is_oom_death(verdict)) return oom;
  switch (verdict) {
    case VerdictClass::exited:
    case VerdictClass::exec_failed:
      return exit;
    case VerdictClass::unknown:
    case VerdictClass::agent_restarted:
    case VerdictClass::machine_restarted:
      return unknown;
    default:
      return signal;
  }
}

}  // namespace

std::optional<RestartCauses::Cause> RestartCauses::died(diagnosis::VerdictClass verdict,
                                                        std::string_view cgroup, Usec ended) {
  const Cause cause = cause_of(verdict);
  // Most containers have a cgroup of another name for each run; that it ended may be told in the
  // same tick in which the next one is seen.
  const bool of_another = !cgroup.empty() && !newest_.empty() && cgroup != newest_;
  if (!of_another && ended > came_) {
    last_ = cause;
    return std::nullopt;
  }
  // Of a run before the newest: late, where nothing waits for it.
  if (waiting_ == 0) return std::nullopt;
  --waiting_;
  return cause;
}

std::optional<RestartCauses::Cause> RestartCauses::came_again(std::string_view cgroup, Usec now) {
  came_ = now;
  newest_ = cgroup;
  if (last_) return std::exchange(last_, std::nullopt);
  if (waiting_++ == 0) waiting_since_ = now;
  return std::nullopt;
}

std::size_t RestartCauses::given_up(Usec now) {
  return waiting_ > 0 && now > waiting_since_ + kWait ? std::exchange(waiting_, 0) : 0;
}

}  // namespace cgwarden::agent
