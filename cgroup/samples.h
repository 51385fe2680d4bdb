#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/units.h"

// One struct per control file (Documentation/admin-guide/cgroup-v2.rst). A member is absent when
// the kernel did not print the key; the comment names the version that added it where that is later
// than 5.2.
namespace cgwarden::cgroup {

struct GroupedFiles;  // grouped_files.h

using Count = std::optional<std::uint64_t>;

// cpu.stat. The bandwidth keys (nr_periods on) exist only where the cpu controller is enabled.
struct CpuStat {
  Count usage_usec;
  Count user_usec;
  Count system_usec;
  Count nice_usec;                   // 6.11
  Count core_sched_force_idle_usec;  // 6.1, CONFIG_SCHED_CORE
  Count nr_periods;
  Count nr_throttled;
  Count throttled_usec;
  Count nr_bursts;   // 5.15
  Count burst_usec;  // 5.15
  bool operator==(const CpuStat&) const = default;
};

// cpu.stat.local (6.6): throttled time of this cgroup alone, own and ancestors' quotas included.
struct CpuStatLocal {
  Count throttled_usec;
  bool operator==(const CpuStatLocal&) const = default;
};

// cpu.max: "$MAX $PERIOD", microseconds of CPU per period.
struct CpuMax {
  LimitOf<Usec> quota;
  Usec period{100000};
  bool operator==(const CpuMax&) const = default;
};

// memory.events and memory.events.local.
struct MemoryEvents {
  Count low;
  Count high;
  Count max;
  Count oom;
  Count oom_kill;
  Count oom_group_kill;  // 5.17
  bool operator==(const MemoryEvents&) const = default;
};

// memory.swap.events.
struct SwapEvents {
  Count high;
  Count max;
  Count fail;
  bool operator==(const SwapEvents&) const = default;
};

// memory.stat: the keys used by default metrics and diagnosis (bytes, except the pg*/workingset*
// event counts); the others are in MemoryStatMore.
struct MemoryStat {
  Count anon;
  Count file;
  Count kernel;  // 5.18
  Count kernel_stack;
  Count pagetables;
  Count percpu;
  Count sock;
  Count shmem;
  Count zswap;     // 5.19
  Count zswapped;  // 5.19
  Count file_mapped;
  Count file_dirty;
  Count file_writeback;
  Count swapcached;
  Count inactive_anon;
  Count active_anon;
  Count inactive_file;
  Count active_file;
  Count unevictable;
  Count slab_reclaimable;
  Count slab_unreclaimable;
  Count slab;
  Count workingset_refault_anon;
  Count workingset_refault_file;
  Count pgscan;   // 5.18 as a total
  Count pgsteal;  // 5.18 as a total
  Count pgfault;
  Count pgmajfault;
  bool operator==(const MemoryStat&) const = default;
};

// One line of *.pressure (Documentation/accounting/psi.rst): averages in percent, total stall time
// in microseconds.
struct PressureLine {
  double avg10 = 0;
  double avg60 = 0;
  double avg300 = 0;
  std::uint64_t total_usec = 0;
  bool operator==(const PressureLine&) const = default;
};
// `full` is absent for cpu.pressure before 5.13 and `some` for irq.pressure.
struct Pressure {
  std::optional<PressureLine> some;
  std::optional<PressureLine> full;
  bool operator==(const Pressure&) const = default;
};

// One device line of io.stat.
struct IoStat {
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  Count rbytes;
  Count wbytes;
  Count rios;
  Count wios;
  Count dbytes;
  Count dios;
  bool operator==(const IoStat&) const = default;
};

// One device line of io.max.
struct IoMax {
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  std::optional<LimitOf<std::uint64_t>> rbps;
  std::optional<LimitOf<std::uint64_t>> wbps;
  std::optional<LimitOf<std::uint64_t>> riops;
  std::optional<LimitOf<std::uint64_t>> wiops;
  bool operator==(const IoMax&) const = default;
};

// io.weight: "default N" and per-device overrides, 1..10000.
struct IoWeight {
  std::optional<std::uint32_t> default_weight;
  struct Device {
    std::uint32_t major = 0;
    std::uint32_t minor = 0;
    std::uint32_t weight = 0;
    bool operator==(const Device&) const = default;
  };
  std::vector<Device> devices;
  bool operator==(const IoWeight&) const = default;
};

// pids.events and pids.events.local (6.12). Before 6.12 `max` counts at the forking cgroup,
// from 6.12 at the limiting one.
struct PidsEvents {
  Count max;
  bool operator==(const PidsEvents&) const = default;
};

// cgroup.events.
struct CgroupEvents {
  std::optional<bool> populated;
  std::optional<bool> frozen;
  bool operator==(const CgroupEvents&) const = default;
};

// cgroup.stat.
struct CgroupStat {
  Count nr_descendants;
  Count nr_dying_descendants;
  bool operator==(const CgroupStat&) const = default;
};

// cgroup.type.
enum class CgroupType { domain, domain_threaded, domain_invalid, threaded };

// All that one cgroup said in one tick. A member is absent when its file is absent (controller not
// enabled, root, older kernel) or could not be read; Sample::unreadable then says which.
struct Sample {
  CgroupId id;
  std::string path;  // from the cgroup root, "/" for the root itself

  std::optional<CpuStat> cpu_stat;
  std::optional<CpuStatLocal> cpu_stat_local;
  std::optional<CpuMax> cpu_max;
  std::optional<Usec> cpu_max_burst;
  std::optional<std::uint32_t> cpu_weight;  // 1..10000; while cpu.idle is 1: 0 (6.1) or 1 (6.12)
  std::optional<bool> cpu_idle;

  std::optional<Bytes> memory_current;
  std::optional<Bytes> memory_peak;  // 5.19
  std::optional<LimitOf<Bytes>> memory_min;
  std::optional<LimitOf<Bytes>> memory_low;
  std::optional<LimitOf<Bytes>> memory_high;
  std::optional<LimitOf<Bytes>> memory_max;
  std::optional<bool> memory_oom_group;
  std::optional<Bytes> memory_swap_current;
  std::optional<Bytes> memory_swap_peak;  // 6.5
  std::optional<LimitOf<Bytes>> memory_swap_high;
  std::optional<LimitOf<Bytes>> memory_swap_max;
  std::optional<SwapEvents> memory_swap_events;
  std::optional<MemoryStat> memory_stat;
  std::optional<MemoryEvents> memory_events;
  std::optional<MemoryEvents> memory_events_local;

  std::optional<Pressure> cpu_pressure;
  std::optional<Pressure> memory_pressure;
  std::optional<Pressure> io_pressure;
  std::optional<Pressure> irq_pressure;  // 6.1, CONFIG_IRQ_TIME_ACCOUNTING

  std::optional<std::vector<IoStat>> io_stat;
  std::optional<std::vector<IoMax>> io_max;
  std::optional<IoWeight> io_weight;

  std::optional<std::uint64_t> pids_current;
  std::optional<std::uint64_t> pids_peak;  // 6.1
  std::optional<LimitOf<std::uint64_t>> pids_max;
  std::optional<PidsEvents> pids_events;
  std::optional<PidsEvents> pids_events_local;  // 6.12

  std::optional<CgroupEvents> cgroup_events;
  std::optional<CgroupStat> cgroup_stat;
  std::optional<CgroupType> cgroup_type;
  std::optional<bool> cgroup_freeze;
  std::optional<std::vector<std::string>> controllers;
  std::optional<std::vector<std::string>> subtree_control;

  // What is read for export groups only; absent without any of it. Snapshots share it.
  std::shared_ptr<const GroupedFiles> grouped;

  // Files that exist but could not be read or parsed, with the reason: an export must show these as
  // missing, never as 0.
  struct Unreadable {
    std::string file;
    std::string reason;
    bool switched_off = false;  // the kernel has no such thing (EOPNOTSUPP: psi=0): no fault
  };
  std::vector<Unreadable> unreadable;
};

}  // namespace cgwarden::cgroup
