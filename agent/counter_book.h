#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "cgroup/samples.h"
#include "diagnosis/store.h"
#include "diagnosis/verdict.h"
#include "exporters/view.h"

namespace cgwarden::agent {

// The workload counters that outlive cgroups, agents and reboots. Every series of a workload exists
// at 0 before anything can happen to it, because increase() over a counter first seen at 1 is 0.
class CounterBook {
 public:
  // Takes up what an earlier agent stored.
  [[nodiscard]] Status load(const diagnosis::StoreWriter& store);

  void born(const std::string& workload);
  void started(const std::string& workload);
  void died(const diagnosis::Verdict& verdict);
  // `reason`: "exit", "signal", "oom", "launch_failure".
  void restarted(const std::string& workload, const std::string& reason);
  void oom_kills(const std::string& workload, std::uint64_t count);
  // Adds what this payload cgroup counted since its last sample; a cgroup seen first counts from 0,
  // as it was made for this incarnation.
  void observe(const std::string& workload, const cgroup::Sample& payload);
  void set_running(const std::string& workload, bool running);

  // Its series end, also for the next agent; if it ever comes back, it begins at 0.
  [[nodiscard]] Status forget(const std::string& workload, diagnosis::StoreWriter& store);

  [[nodiscard]] std::vector<exporters::WorkloadCounters> all() const;
  // Stores what changed since the last save.
  [[nodiscard]] Status save(diagnosis::StoreWriter& store);

 private:
  struct Seen {
    CgroupId id;
    std::uint64_t throttled_usec = 0;
    std::uint64_t high = 0;
  };
  exporters::WorkloadCounters& entry(const std::string& workload);
  std::map<std::string, exporters::WorkloadCounters> counters_;
  std::map<std::string, Seen> seen_;
  std::map<std::pair<std::string, std::string>, std::uint64_t> saved_;
};

}  // namespace cgwarden::agent
