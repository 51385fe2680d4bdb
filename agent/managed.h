#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/cgroup_removal.h"
#include "agent/health_monitor.h"
#include "agent/supervisor.h"

namespace cgwarden::agent {

// Covers a slow disk and a busy systemd; a shim that has not started the command by then is stuck.
inline constexpr Usec kStartTimeout{60'000'000};

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
  // When its limit was reached last, before anybody is killed.
  std::uint64_t max_events = 0;
  std::optional<Usec> measured;
  std::vector<diagnosis::DeathEvidence::ProcessSize> largest;
  std::optional<Error> start_error;               // why the go message was never sent
  std::optional<launcher::LaunchError> reported;  // by the shim in its answer
  bool taken_over_start = false;                  // an earlier agent said go; the answer went to it
  Usec start_deadline{0};                         // of a start taken over, boottime
  CgroupRemoval removal;                          // of the incarnation before
  bool start_when_clean = false;

  std::unique_ptr<HealthMonitor> health;  // while it runs, if it has a check

  EventLoop::Watch shim_watch;
  EventLoop::Watch control_watch;
  EventLoop::Watch memory_events_watch;
  EventLoop::Timer settling;  // the shim has ended without a record: until the log tells of what
  EventLoop::Timer timer;     // start timeout, backoff or stop timeout, by state; in a start taken
                              // over the look-out for status.json

  std::vector<diagnosis::OwnAction> own_actions;
  Usec ended{0};  // boottime of the last death
  Control::Done launch_done;
  std::vector<Control::Done> stop_done;

  [[nodiscard]] const std::string& name() const { return workload.name; }
};

// How an incarnation ended.
struct Supervisor::End {
  launcher::ExitRecord record;
  std::vector<std::string> lost;
  bool made_up = false;  // nobody recorded it

  [[nodiscard]] bool unknown() const {
    return !record.wait && !record.init_wait && !record.launch_error;
  }
};

// A launcher's failure as the error of `name`.
[[nodiscard]] Error start_error(const std::string& name, const launcher::LaunchError& error);

}  // namespace cgwarden::agent
