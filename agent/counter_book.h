#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "cgroup/samples.h"
#include "diagnosis/store.h"
#include "diagnosis/verdict.h"
#include "exporters/view.h"

namespace cgwarden::agent {

// OOM kills as incidents: a group kill (memory.oom.group) is one, while memory.events counts the
// process chosen and then every process of the group. `oom_kill` alone rises first and the group's
// count takes its place, so that an incident is counted once whenever it is read. What was killed
// alone before the first group kill of the same cgroup is not added to it.
[[nodiscard]] cgroup::Count oom_incidents(const cgroup::MemoryEvents& events);

// What the kernel counted for one payload cgroup since it was made.
struct KernelCounts {
  CgroupId id;
  cgroup::Count throttled_usec;
  cgroup::Count high;
  cgroup::Count oom_kill;  // incidents
};
[[nodiscard]] KernelCounts counts_of(const cgroup::Sample& payload);

// The workload counters that outlive cgroups, agents and reboots. Every series of a workload exists
// at 0 before anything can happen to it, because increase() over a counter first seen at 1 is 0.
// With each total it keeps what the kernel's counter was when it was added up, so that an agent
// that adopts a cgroup goes on from there.
class CounterBook {
 public:
  // `boot` tells one boot from another: cgroup ids start anew at each.
  explicit CounterBook(std::uint64_t boot = 0) : boot_(boot) {}

  // Takes up what an earlier agent stored.
  [[nodiscard]] Status load(const diagnosis::StoreWriter& store);

  void born(const std::string& workload);
  void started(const std::string& workload);
  void died(const diagnosis::Verdict& verdict);
  // `reason`: "exit", "signal", "oom", "launch_failure", "unhealthy".
  void restarted(const std::string& workload, const std::string& reason);
  // Adds what this payload cgroup counted since it was last seen, by this agent or by one before; a
  // cgroup seen first counts from 0, as it was made for this incarnation. Returns the new OOM
  // kills.
  std::uint64_t observe(const std::string& workload, const KernelCounts& payload);
  void set_running(const std::string& workload, bool running);

  // Its series end, also for the next agent; if it ever comes back, it begins at 0.
  [[nodiscard]] Status forget(const std::string& workload, diagnosis::StoreWriter& store);

  [[nodiscard]] std::vector<exporters::WorkloadCounters> all() const;
  // Stores `verdicts` and what changed since the last save, in one transaction.
  [[nodiscard]] Status save(diagnosis::StoreWriter& store,
                            std::span<const diagnosis::Verdict> verdicts = {});

 private:
  struct Seen {
    std::uint64_t boot = 0;
    CgroupId id;
    std::uint64_t throttled_usec = 0;
    std::uint64_t high = 0;
    std::uint64_t oom_kill = 0;
  };
  // Name in the store and value.
  using Flat = std::vector<std::pair<std::string, std::uint64_t>>;
  exporters::WorkloadCounters& entry(const std::string& workload);
  [[nodiscard]] static Flat flatten(const Seen& seen);
  static void set_seen(Seen& seen, std::string_view name, std::uint64_t value);

  std::uint64_t boot_;
  std::map<std::string, exporters::WorkloadCounters> counters_;
  std::map<std::string, Seen> seen_;
  std::map<std::pair<std::string, std::string>, std::uint64_t> saved_;
};

// A number of /proc/sys/kernel/random/boot_id ("b3c9..-...."), 60 bits of it; 0 when it is not one.
[[nodiscard]] std::uint64_t boot_number(std::string_view boot_id);

}  // namespace cgwarden::agent
