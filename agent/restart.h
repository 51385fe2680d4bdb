#pragma once

#include <optional>
#include <string>

#include "agent/workload_files.h"
#include "base/units.h"
#include "diagnosis/verdict.h"
#include "launcher/state.h"
#include "policy/workload.h"

namespace cgwarden::agent {

// What follows a death.
struct RestartDecision {
  enum class Next {
    restart,   // after `delay`
    finished,  // it is not wanted any more, or its policy says so
    gave_up,   // a bound is reached
  };
  Next next = Next::finished;
  Usec delay{0};
};

// Decides by the restart policy, the note and the record of the death alone, so that an agent which
// takes over decides the same; and writes the decision into `note` (restarts, the failures in a
// row, wanted, decided_incarnation, restart_boottime). The note must be saved before anything is
// done about it.
[[nodiscard]] RestartDecision decide_restart(const policy::Restart& policy,
                                             const launcher::ExitRecord& record, AgentNote& note);

// The `reason` label of cgwarden_workload_restarts_total. `unhealthy`: ended by its health check.
[[nodiscard]] std::string restart_reason(const launcher::ExitRecord& record,
                                         diagnosis::VerdictClass verdict, bool unhealthy = false);

}  // namespace cgwarden::agent
