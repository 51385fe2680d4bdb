#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/supervisor.h"

namespace cgwarden::agent {

// All that the supervisor knows of one workload. Private to supervisor*.cpp.
struct Supervisor::Managed {
  policy::Workload workload;
  AgentNote note;
  WorkloadState state = WorkloadState::exited;
  std::optional<launcher::RunningStatus> status;
  std::string last_verdict;

  ShimProcess shim;
  UniqueFd main_pidfd;  // of the shim's direct child: what a stop signals
  std::string scope;    // cgroup paths; empty before the scope is made
  std::string payload;
  std::optional<cgroup::EventsWatch> memory_events;
  std::optional<Error> start_error;  // why the go message was never sent

  EventLoop::Watch shim_watch;
  EventLoop::Watch control_watch;
  EventLoop::Watch memory_events_watch;
  EventLoop::Timer timer;  // start timeout, backoff or stop timeout, by state

  std::vector<diagnosis::OwnAction> own_actions;
  unsigned failures_in_row = 0;
  Control::Done launch_done;
  std::vector<Control::Done> stop_done;

  [[nodiscard]] const std::string& name() const { return workload.name; }
};

// A launcher's failure as the error of `name`.
[[nodiscard]] Error start_error(const std::string& name, const launcher::LaunchError& error);

}  // namespace cgwarden::agent
