#pragma once

#include <cstdint>
#include <map>
#include <set>
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

// What the kernel counted for one payload cgroup since it was made.
struct KernelCounts {
  CgroupId id;
  cgroup::Count throttled_usec;
  cgroup::Count high;
  cgroup::Count oom_kill;        // processes
  cgroup::Count oom_group_kill;  // absent before Linux 5.17
};
[[nodiscard]] KernelCounts counts_of(const cgroup::Sample& payload);

// OOM kills as incidents: a group kill (memory.oom.group) is one, while memory.events counts first
// the process chosen, then the group, then every process of it (mm/oom_kill.c oom_kill_process()),
// and can be read in between. So a kill of the reading just before a group's is taken for the
// group's first, and kills that go on in the readings just after it for its others.
class OomIncidents {
 public:
  // What earlier readings of this cgroup were, from the store.
  std::uint64_t kills = 0;
  std::uint64_t groups = 0;
  // The incidents since the last reading; 0 for an older one.
  [[nodiscard]] std::uint64_t add(const KernelCounts& now);

 private:
  enum class Last : std::uint8_t { quiet, single, group };
  Last last_ = Last::quiet;
};

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

  // The snapshot with which those that come from now on are first shown.
  void shown_next(std::uint64_t snapshot) { next_snapshot_ = snapshot; }
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
  // Stores `verdicts`, the lines of the kernel log (see StoreWriter::put) and what changed since
  // the last save, in one transaction.
  [[nodiscard]] Status save(diagnosis::StoreWriter& store,
                            std::span<const diagnosis::Verdict> verdicts = {},
                            const diagnosis::StoredKernelLog& log = {},
                            bool* log_dropped = nullptr);

 private:
  struct Seen {
    std::uint64_t boot = 0;
    CgroupId id;
    std::uint64_t throttled_usec = 0;
    std::uint64_t high = 0;
    OomIncidents oom;
  };
  // Name in the store and value.
  using Flat = std::vector<std::pair<std::string, std::uint64_t>>;
  // `entry`: to change it.
  exporters::WorkloadCounters& entry(const std::string& workload);
  exporters::WorkloadCounters& known(const std::string& workload);
  [[nodiscard]] static Flat flatten(const Seen& seen);
  static void set_seen(Seen& seen, std::string_view name, std::uint64_t value);

  std::uint64_t boot_;
  std::uint64_t next_snapshot_ = 0;
  std::map<std::string, exporters::WorkloadCounters> counters_;
  std::map<std::string, Seen> seen_;
  std::map<std::pair<std::string, std::string>, std::uint64_t> saved_;
  std::set<std::string> touched_;  // since the last save
};

// A number of /proc/sys/kernel/random/boot_id ("b3c9..-...."), 60 bits of it; 0 when it is not one.
[[nodiscard]] std::uint64_t boot_number(std::string_view boot_id);

}  // namespace cgwarden::agent
