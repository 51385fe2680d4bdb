#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/units.h"
#include "cgroup/samples.h"

// What is read for an export group only (file_group.h). One struct or member for each control file,
// by the rules of samples.h. A list is absent when its file is, and empty when the file is.
namespace cgwarden::cgroup {

// A number with two decimals, as the kernel prints it: 1234 for "12.34".
struct Percent {
  std::uint64_t hundredths = 0;
  bool operator==(const Percent&) const = default;
};

// CPUs or memory nodes as the kernel lists them: "0-3,7". Empty text: none, or not configured.
struct IdList {
  std::string text;
  std::uint64_t count = 0;
  bool operator==(const IdList&) const = default;
};

// A value of something that the kernel names: a resource of misc.*, a controller.
template <typename T>
struct Named {
  std::string name;
  T value{};
  bool operator==(const Named&) const = default;
};

// The keys of memory.stat that MemoryStat has not (bytes up to shmem_thp, then event counts).
struct MemoryStatMore {
  Count sec_pagetables;  // 6.1
  Count vmalloc;         // 5.17
  Count hugetlb;         // 6.13
  Count anon_thp;
  Count file_thp;   // 5.11
  Count shmem_thp;  // 5.11
  Count workingset_activate_anon;
  Count workingset_activate_file;
  Count workingset_restore_anon;
  Count workingset_restore_file;
  Count workingset_nodereclaim;
  Count pgdemote_kswapd;      // 6.12
  Count pgdemote_direct;      // 6.12
  Count pgdemote_khugepaged;  // 6.12
  Count pgpromote_success;    // 6.12, CONFIG_NUMA_BALANCING
  Count pgscan_kswapd;        // 5.18
  Count pgscan_direct;        // 5.18
  Count pgscan_khugepaged;    // 6.2
  Count pgsteal_kswapd;       // 5.18
  Count pgsteal_direct;       // 5.18
  Count pgsteal_khugepaged;   // 6.2
  Count pgrefill;
  Count pgactivate;
  Count pgdeactivate;
  Count pglazyfree;
  Count pglazyfreed;
  Count swpin_zero;   // 6.12
  Count swpout_zero;  // 6.12
  Count zswpin;       // 5.19, CONFIG_ZSWAP
  Count zswpout;      // 5.19, CONFIG_ZSWAP
  Count zswpwb;       // 6.8, CONFIG_ZSWAP
  Count thp_fault_alloc;
  Count thp_collapse_alloc;
  Count thp_swpout;           // 6.7
  Count thp_swpout_fallback;  // 6.7
  Count numa_pages_migrated;  // 6.12, CONFIG_NUMA_BALANCING
  Count numa_pte_updates;     // 6.12, CONFIG_NUMA_BALANCING
  Count numa_hint_faults;     // 6.12, CONFIG_NUMA_BALANCING
  bool operator==(const MemoryStatMore&) const = default;
};

// One node of memory.numa_stat (5.10), whose keys are some of those of memory.stat.
struct MemoryNode {
  std::uint32_t node = 0;
  MemoryStat stat;
  MemoryStatMore more;
  bool operator==(const MemoryNode&) const = default;
};

// The cost.* keys of one device of io.stat (5.4, CONFIG_BLK_CGROUP_IOCOST); a device without them
// has none. The root has `vrate` alone; the last three need blk_cgroup debugging.
struct IoCost {
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  std::optional<Percent> vrate;
  Count usage_usec;
  Count wait_usec;
  Count indebt_usec;
  Count indelay_usec;
  bool operator==(const IoCost&) const = default;
};

// One device of io.latency (4.19, CONFIG_BLK_CGROUP_IOLATENCY).
struct IoLatency {
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  Count target_usec;
  bool operator==(const IoLatency&) const = default;
};

// One device of io.cost.qos, in the root alone (5.4).
struct IoCostQos {
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  Count enable;
  std::optional<Percent> rpct;
  Count rlat_usec;
  std::optional<Percent> wpct;
  Count wlat_usec;
  std::optional<Percent> min;
  std::optional<Percent> max;
  bool operator==(const IoCostQos&) const = default;
};

// One device of io.cost.model, in the root alone (5.4).
struct IoCostModel {
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  Count rbps;
  Count rseqiops;
  Count rrandiops;
  Count wbps;
  Count wseqiops;
  Count wrandiops;
  bool operator==(const IoCostModel&) const = default;
};

// The files hugetlb.<size>.* of one page size.
struct HugetlbSize {
  std::string size;  // "2MB"
  std::optional<Bytes> current;
  std::optional<LimitOf<Bytes>> max;
  std::optional<Bytes> rsvd_current;              // 5.7
  std::optional<LimitOf<Bytes>> rsvd_max;         // 5.7
  std::optional<std::uint64_t> events_max;        // key `max` of .events
  std::optional<std::uint64_t> events_local_max;  // key `max` of .events.local
  bool operator==(const HugetlbSize&) const = default;
};

// One device of rdma.current or rdma.max.
struct RdmaDevice {
  std::string device;
  std::optional<LimitOf<std::uint64_t>> hca_handle;
  std::optional<LimitOf<std::uint64_t>> hca_object;
  bool operator==(const RdmaDevice&) const = default;
};

// cgroup.stat's nr_subsys_NAME and nr_dying_subsys_NAME (6.12).
struct Subsystem {
  std::string name;
  Count live;
  Count dying;
  bool operator==(const Subsystem&) const = default;
};

struct GroupedFiles {
  std::optional<std::vector<Subsystem>> cgroup_subsystems;
  std::optional<LimitOf<std::uint64_t>> cgroup_max_depth;
  std::optional<LimitOf<std::uint64_t>> cgroup_max_descendants;

  std::optional<LimitOf<Percent>> cpu_uclamp_min;  // 5.4, CONFIG_UCLAMP_TASK_GROUP
  std::optional<LimitOf<Percent>> cpu_uclamp_max;

  std::optional<IdList> cpuset_cpus;
  std::optional<IdList> cpuset_cpus_effective;
  std::optional<IdList> cpuset_cpus_exclusive;            // 6.7
  std::optional<IdList> cpuset_cpus_exclusive_effective;  // 6.7
  std::optional<IdList> cpuset_cpus_isolated;             // 6.8, in the root alone
  std::optional<IdList> cpuset_mems;
  std::optional<IdList> cpuset_mems_effective;
  std::optional<std::string> cpuset_cpus_partition;  // "member", "root invalid"

  std::optional<MemoryStatMore> memory_stat;
  std::optional<std::vector<MemoryNode>> memory_numa_stat;
  std::optional<Bytes> memory_zswap_current;       // 5.19, CONFIG_ZSWAP
  std::optional<LimitOf<Bytes>> memory_zswap_max;  // 5.19, CONFIG_ZSWAP
  std::optional<bool> memory_zswap_writeback;      // 6.8, CONFIG_ZSWAP

  std::optional<std::vector<IoCost>> io_cost;  // of io.stat
  std::optional<std::vector<IoLatency>> io_latency;
  std::optional<std::string> io_prio_class;  // 5.14, CONFIG_BLK_CGROUP_IOPRIO
  std::optional<std::vector<IoCostQos>> io_cost_qos;
  std::optional<std::vector<IoCostModel>> io_cost_model;

  std::vector<HugetlbSize> hugetlb;

  std::optional<std::vector<RdmaDevice>> rdma_current;
  std::optional<std::vector<RdmaDevice>> rdma_max;

  std::optional<std::vector<Named<std::uint64_t>>> misc_capacity;      // 5.13, in the root alone
  std::optional<std::vector<Named<std::uint64_t>>> misc_current;       // 5.13
  std::optional<std::vector<Named<std::uint64_t>>> misc_peak;          // 6.11
  std::optional<std::vector<Named<LimitOf<std::uint64_t>>>> misc_max;  // 5.13
  std::optional<std::vector<Named<std::uint64_t>>> misc_events;        // `max`, 5.16
  std::optional<std::vector<Named<std::uint64_t>>> misc_events_local;  // `max`, 6.11
};

}  // namespace cgwarden::cgroup
