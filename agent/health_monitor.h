#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "agent/event_loop.h"
#include "agent/health.h"
#include "base/clock.h"
#include "base/unique_fd.h"
#include "cgroup/tree.h"

namespace cgwarden::agent {

// Runs the health check of one incarnation, one check at a time, each in a process of its own
// (`cgwarden-shim exec` and `probe`). A paused workload is not checked. Loop thread only.
class HealthMonitor {
 public:
  struct Parts {  // all outlive the monitor
    EventLoop* loop = nullptr;
    const Clock* clock = nullptr;
    const cgroup::Tree* tree = nullptr;
  };
  struct Target {
    std::string name;
    unsigned incarnation = 0;
    Usec started_boottime{0};
    std::string shim;
    std::string state_dir;
    std::string payload;  // cgroup path
  };
  // After a check that changed what is reported. May destroy the monitor.
  using Changed = std::function<void(const HealthReport& report)>;

  // `report`: what was known before, of an agent that is gone.
  HealthMonitor(const Parts& parts, Target target, policy::HealthCheck check, HealthReport report,
                Changed changed);
  HealthMonitor(const HealthMonitor&) = delete;
  HealthMonitor& operator=(const HealthMonitor&) = delete;
  // A check under way is killed and reaped.
  ~HealthMonitor();

  [[nodiscard]] Status start();
  [[nodiscard]] const HealthReport& report() const { return report_; }

 private:
  void check_now();
  [[nodiscard]] Status spawn();
  void output_readable();
  void check_ended();
  void settle(bool passed);
  void later();
  void kill_and_reap();
  [[nodiscard]] std::vector<std::string> words() const;

  Parts parts_;
  Target target_;
  policy::HealthCheck check_;
  Changed changed_;
  HealthReport report_;
  std::string output_;
  pid_t pid_ = -1;
  UniqueFd pidfd_;
  UniqueFd pipe_;
  EventLoop::Watch end_watch_;
  EventLoop::Watch output_watch_;
  EventLoop::Timer timer_;     // to the next check
  EventLoop::Timer deadline_;  // of the process of a check
};

}  // namespace cgwarden::agent
