#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/event_loop.h"
#include "agent/event_sources.h"
#include "agent/slow_close.h"
#include "base/clock.h"
#include "cgroup/pressure_trigger.h"
#include "cgroup/snapshot.h"
#include "cgroup/tree.h"
#include "exporters/self_metrics.h"
#include "policy/policy.h"

namespace cgwarden::agent {

// Keeps the PSI triggers that policies ask for (watch.pressure) on the cgroups they match: armed
// when a cgroup comes, again when it was made anew, limits::kPressureTriggers at most. On the
// loop's thread.
class PressureWatch {
 public:
  struct Parts {
    EventLoop* loop = nullptr;
    const Clock* clock = nullptr;
    const cgroup::Tree* tree = nullptr;
    exporters::SelfMetrics* metrics = nullptr;
  };
  struct Fired {
    std::string policy;
    std::string path;
    CgroupId id;
    cgroup::PressureThreshold threshold;
    std::uint64_t times = 0;  // since it was told of last
  };
  // At the first time, then at most once a minute for each trigger; the metrics count them all.
  using Told = std::function<void(const Fired& fired)>;
  PressureWatch(Parts parts, Told told) : parts_(parts), told_(std::move(told)) {}

  // Arms what is missing and ends what nobody asks for any more.
  void update(const cgroup::Snapshot& snapshot, const std::vector<policy::Policy>& policies);
  // How it goes, for `cgwarden doctor`; unused while no policy asks for it.
  [[nodiscard]] SourceReport source() const;

 private:
  struct Key {
    CgroupId id;
    cgroup::PressureThreshold threshold;
    auto operator<=>(const Key&) const = default;
  };
  struct Armed {
    std::string policy;
    std::string path;
    std::optional<cgroup::PressureTrigger> trigger;  // absent: it could not be set
    EventLoop::Watch watch;
    Usec retry{0};  // when it is tried again
    std::uint64_t times = 0;
    std::optional<Usec> told;
    bool wanted = false;
    std::string fault;  // why it could not be set the last time
  };
  bool want(const policy::Policy& policy, const cgroup::Sample& sample);
  void drop_unwanted();
  void arm(const Key& key, Armed& armed, Usec now);
  void happened(const Key& key, std::uint32_t events);

  Parts parts_;
  Told told_;
  SlowClose closer_;
  std::map<Key, Armed> armed_;
  bool full_ = false;
};

}  // namespace cgwarden::agent
