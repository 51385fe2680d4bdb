#include "exporters/catalog_readers.h"
#include "exporters/catalog_tables.h"

namespace cgwarden::exporters {
namespace {

using cgroup::MemoryEvents;
using cgroup::MemoryStat;
using cgroup::Sample;
using readers::count;
using readers::limit;
using readers::single;
using readers::working_set;
using enum MetricType;

template <auto File>
std::vector<CgroupSeries> events() {
  return {
      {R"(event="low")", count<File, &MemoryEvents::low>},
      {R"(event="high")", count<File, &MemoryEvents::high>},
      {R"(event="max")", count<File, &MemoryEvents::max>},
      {R"(event="oom")", count<File, &MemoryEvents::oom>},
      {R"(event="oom_kill")", count<File, &MemoryEvents::oom_kill>},
      {R"(event="oom_group_kill")", count<File, &MemoryEvents::oom_group_kill>},
  };
}

}  // namespace

std::vector<CgroupMetric> memory_metrics() {
  return {
      {{"cgwarden_cgroup_memory_current_bytes", gauge, "bytes",
        "Memory charged to the cgroup and its descendants, page cache included (memory.current)."},
       {{"", single<&Sample::memory_current>}}},
      {{"cgwarden_cgroup_memory_peak_bytes", gauge, "bytes",
        "Highest memory.current since the cgroup was made (memory.peak, from Linux 5.19)."},
       {{"", single<&Sample::memory_peak>}}},
      {{"cgwarden_cgroup_memory_working_set_bytes", gauge, "bytes",
        "memory.current less inactive_file of memory.stat: what cannot be reclaimed easily."},
       {{"", working_set}}},
      {{"cgwarden_cgroup_memory_anon_bytes", gauge, "bytes",
        "Anonymous memory: heap, stacks, private mappings (memory.stat anon)."},
       {{"", count<&Sample::memory_stat, &MemoryStat::anon>}}},
      {{"cgwarden_cgroup_memory_file_bytes", gauge, "bytes",
        "Page cache, tmpfs and shared memory included (memory.stat file)."},
       {{"", count<&Sample::memory_stat, &MemoryStat::file>}}},
      {{"cgwarden_cgroup_memory_kernel_bytes", gauge, "bytes",
        "Kernel memory, slab included (memory.stat kernel, from Linux 5.18)."},
       {{"", count<&Sample::memory_stat, &MemoryStat::kernel>}}},
      {{"cgwarden_cgroup_memory_shmem_bytes", gauge, "bytes",
        "tmpfs and shared memory; stays charged when its process dies (memory.stat shmem)."},
       {{"", count<&Sample::memory_stat, &MemoryStat::shmem>}}},
      {{"cgwarden_cgroup_memory_slab_bytes", gauge, "bytes",
        "Kernel objects in slab caches (memory.stat slab)."},
       {{"", count<&Sample::memory_stat, &MemoryStat::slab>}}},
      {{"cgwarden_cgroup_memory_swap_current_bytes", gauge, "bytes",
        "Swap used by the cgroup and its descendants (memory.swap.current)."},
       {{"", single<&Sample::memory_swap_current>}}},
      {{"cgwarden_cgroup_memory_events_total", counter, "",
        "Memory events of the cgroup and its descendants (memory.events)."},
       events<&Sample::memory_events>()},
      {{"cgwarden_cgroup_memory_events_local_total", counter, "",
        "Memory events of the cgroup alone (memory.events.local)."},
       events<&Sample::memory_events_local>()},
  };
}

std::vector<CgroupMetric> memory_limit_metrics() {
  return {
      {{"cgwarden_cgroup_memory_min_bytes", gauge, "bytes",
        "Memory that is never reclaimed (memory.min); absent when it is max."},
       {{"", limit<&Sample::memory_min>}}},
      {{"cgwarden_cgroup_memory_low_bytes", gauge, "bytes",
        "Memory reclaimed only when nothing else is left (memory.low); absent when it is max."},
       {{"", limit<&Sample::memory_low>}}},
      {{"cgwarden_cgroup_memory_high_bytes", gauge, "bytes",
        "Limit above which the cgroup is slowed down (memory.high); absent without a limit."},
       {{"", limit<&Sample::memory_high>}}},
      {{"cgwarden_cgroup_memory_max_bytes", gauge, "bytes",
        "Limit above which the OOM killer runs (memory.max); absent without a limit."},
       {{"", limit<&Sample::memory_max>}}},
      {{"cgwarden_cgroup_memory_swap_max_bytes", gauge, "bytes",
        "Limit of swap (memory.swap.max); absent without a limit."},
       {{"", limit<&Sample::memory_swap_max>}}},
  };
}

}  // namespace cgwarden::exporters
