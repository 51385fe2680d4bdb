#pragma once

#include <functional>
#include <memory>

#include "agent/event_loop.h"
#include "agent/unit_tracker.h"
#include "base/clock.h"
#include "exporters/self_metrics.h"

namespace cgwarden::agent {

// The ends and restarts of the services of the system's systemd, as it tells of them on the bus. A
// bus or a systemd that goes away is waited for; nothing blocks the loop but the connecting.
class UnitWatch {
 public:
  using Told = std::function<void(const UnitTracker::News& news)>;
  // systemd-oomd killed a cgroup, as its signal Killed says; `reason`: "memory-used" (want of
  // memory and swap) or "memory-pressure".
  using OomdKilled = std::function<void(const std::string& cgroup, const std::string& reason)>;
  // All must outlive it. Without a bus or systemd it says so, and tries again every 5 s.
  [[nodiscard]] static std::unique_ptr<UnitWatch> start(EventLoop& loop, const Clock& clock,
                                                        exporters::SelfMetrics& metrics, Told told,
                                                        OomdKilled oomd_killed);
  UnitWatch(const UnitWatch&) = delete;
  UnitWatch& operator=(const UnitWatch&) = delete;
  ~UnitWatch();

 private:
  struct Impl;
  explicit UnitWatch(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cgwarden::agent
