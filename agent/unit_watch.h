#pragma once

#include <functional>
#include <memory>
#include <string>

#include "agent/event_loop.h"
#include "agent/event_sources.h"
#include "agent/unit_tracker.h"
#include "base/clock.h"
#include "exporters/self_metrics.h"

namespace cgwarden::agent {

// The ends and restarts of the services of the system's systemd, as it tells of them on the bus. A
// bus or a systemd that goes away is waited for, and so is one that hangs; nothing blocks the loop,
// the connecting neither.
class UnitWatch {
 public:
  using Told = std::function<void(const UnitTracker::News& news)>;
  // systemd-oomd killed a cgroup, as its signal Killed says; `reason`: "memory-used" (want of
  // memory and swap) or "memory-pressure".
  using OomdKilled = std::function<void(const std::string& cgroup, const std::string& reason)>;
  // systemd has read its unit files anew, or was executed anew (the signal Reloading).
  using Reloaded = std::function<void()>;
  struct Times {
    // Of the bus to answer Hello, and of each call: a busy systemd takes seconds.
    Usec answer{10'000'000};
    Usec retry{5'000'000};
  };
  // All must outlive it. Without a bus or systemd it says so, and tries again.
  [[nodiscard]] static std::unique_ptr<UnitWatch> start(EventLoop& loop, const Clock& clock,
                                                        exporters::SelfMetrics& metrics, Told told,
                                                        Times times, OomdKilled oomd_killed = {},
                                                        Reloaded reloaded = {});
  UnitWatch(const UnitWatch&) = delete;
  UnitWatch& operator=(const UnitWatch&) = delete;
  ~UnitWatch();
  // How it goes, for `cgwarden doctor`.
  [[nodiscard]] SourceReport source() const;

 private:
  struct Impl;
  explicit UnitWatch(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace cgwarden::agent
