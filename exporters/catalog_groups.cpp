// Export groups cgroup, cpu, cpuset, memory and pids.
#include "exporters/catalog_grouped_readers.h"
#include "exporters/catalog_tables.h"

namespace cgwarden::exporters {
namespace {

using cgroup::CgroupStat;
using cgroup::CgroupType;
using cgroup::CpuStat;
using cgroup::IdList;
using cgroup::PidsEvents;
using cgroup::Subsystem;
using cgroup::SwapEvents;
using readers::count;
using readers::grouped_single;
using readers::GroupedFiles;
using readers::own_single;
using readers::Sample;
using enum MetricType;

template <auto Key>
void subsystems(const Sample& sample, LineSink& sink) {
  constexpr auto kList = &GroupedFiles::cgroup_subsystems;
  for (const Subsystem& one : readers::grouped_rows<kList>(sample, limits::kExportedResources)) {
    const auto value = readers::value_of(one.*Key);
    if (value) sink.line(label("subsys", one.name), *value);
  }
}

std::string_view name_of(CgroupType type) {
  switch (type) {
    case CgroupType::domain:
      return "domain";
    case CgroupType::domain_threaded:
      return "domain threaded";
    case CgroupType::domain_invalid:
      return "domain invalid";
    case CgroupType::threaded:
      return "threaded";
  }
  return "";
}

void type(const Sample& sample, LineSink& sink) {
  if (sample.cgroup_type) sink.line(label("type", name_of(*sample.cgroup_type)), Value::count(1));
}

template <auto File>
void controllers(const Sample& sample, LineSink& sink) {
  if (!(sample.*File)) return;
  for (const std::string& name : *(sample.*File)) {
    sink.line(label("controller", name), Value::count(1));
  }
}

// An empty list of a file that people write is no value; of one that the kernel reckons it is 0.
template <auto File>
constexpr bool kWritten =
    File == &GroupedFiles::cpuset_cpus || File == &GroupedFiles::cpuset_mems ||
    File == &GroupedFiles::cpuset_cpus_exclusive;

template <auto File>
void ids(const Sample& sample, LineSink& sink) {
  if (!sample.grouped) return;
  const std::optional<IdList>& list = (*sample.grouped).*File;
  if (!list || (kWritten<File> && list->text.empty())) return;
  // A list of every second processor of a large machine would be a label of kilobytes.
  const bool shown = list->text.size() <= limits::kExportedListBytes;
  sink.line(label("list", shown ? std::string_view(list->text) : "..."), Value::count(list->count));
}

template <auto File>
CgroupMetric id_list(std::string_view name, std::string_view help) {
  return {{name, gauge, "", help}, {}, "list", ids<File>};
}

void partition(const Sample& sample, LineSink& sink) {
  readers::word<&GroupedFiles::cpuset_cpus_partition>(sample, "partition", sink);
}

}  // namespace

CgroupMetrics cgroup_group_metrics() {
  return {
      {{"cgwarden_cgroup_stat_nr_descendants", gauge, "",
        "Cgroups below this one (cgroup.stat nr_descendants)."},
       {{"", count<&Sample::cgroup_stat, &CgroupStat::nr_descendants>}}},
      {{"cgwarden_cgroup_stat_nr_dying_descendants", gauge, "",
        "Removed cgroups below this one that are not freed yet (cgroup.stat "
        "nr_dying_descendants)."},
       {{"", count<&Sample::cgroup_stat, &CgroupStat::nr_dying_descendants>}}},
      {{"cgwarden_cgroup_stat_nr_subsys", gauge, "",
        "Cgroups at and below this one with the controller (cgroup.stat nr_subsys_*, from Linux "
        "6.12)."},
       {},
       "subsys",
       subsystems<&Subsystem::live>},
      {{"cgwarden_cgroup_stat_nr_dying_subsys", gauge, "",
        "Of removed cgroups, those whose controller is not freed yet (cgroup.stat "
        "nr_dying_subsys_*, from Linux 6.12)."},
       {},
       "subsys",
       subsystems<&Subsystem::dying>},
      {{"cgwarden_cgroup_max_depth", gauge, "",
        "Levels that may be made below the cgroup (cgroup.max.depth); absent without a limit."},
       {{"", grouped_single<&GroupedFiles::cgroup_max_depth>}}},
      {{"cgwarden_cgroup_max_descendants", gauge, "",
        "Cgroups that may be made below it (cgroup.max.descendants); absent without a limit."},
       {{"", grouped_single<&GroupedFiles::cgroup_max_descendants>}}},
      {{"cgwarden_cgroup_type", gauge, "", "1 with the type of the cgroup (cgroup.type)."},
       {},
       "type",
       type},
      {{"cgwarden_cgroup_freeze", gauge, "",
        "1 where somebody asked for the cgroup to be frozen (cgroup.freeze)."},
       {{"", own_single<&Sample::cgroup_freeze>}}},
      {{"cgwarden_cgroup_controllers", gauge, "",
        "1 for each controller of the cgroup (cgroup.controllers)."},
       {},
       "controller",
       controllers<&Sample::controllers>},
      {{"cgwarden_cgroup_subtree_control", gauge, "",
        "1 for each controller of its children (cgroup.subtree_control)."},
       {},
       "controller",
       controllers<&Sample::subtree_control>},
  };
}

CgroupMetrics cpu_group_metrics() {
  return {
      {{"cgwarden_cgroup_cpu_nice_seconds_total", counter, "seconds",
        "CPU time of tasks with a positive nice value (cpu.stat nice_usec, from Linux 6.11)."},
       {{"", readers::seconds<&Sample::cpu_stat, &CpuStat::nice_usec>}}},
      {{"cgwarden_cgroup_cpu_core_sched_force_idle_seconds_total", counter, "seconds",
        "CPU time lost to core scheduling (cpu.stat core_sched.force_idle_usec)."},
       {{"", readers::seconds<&Sample::cpu_stat, &CpuStat::core_sched_force_idle_usec>}}},
      {{"cgwarden_cgroup_cpu_idle", gauge, "",
        "1 while the cgroup gets CPU time that nobody else wants (cpu.idle)."},
       {{"", own_single<&Sample::cpu_idle>}}},
      {{"cgwarden_cgroup_cpu_max_burst_seconds", gauge, "seconds",
        "CPU time that may be saved up and used above the quota (cpu.max.burst)."},
       {{"", own_single<&Sample::cpu_max_burst>}}},
      {{"cgwarden_cgroup_cpu_uclamp_min_ratio", gauge, "ratio",
        "Utilisation that tasks are taken to have at least (cpu.uclamp.min); absent when it is "
        "max."},
       {{"", grouped_single<&GroupedFiles::cpu_uclamp_min>}}},
      {{"cgwarden_cgroup_cpu_uclamp_max_ratio", gauge, "ratio",
        "Utilisation that tasks are taken to have at most (cpu.uclamp.max); absent when it is "
        "max."},
       {{"", grouped_single<&GroupedFiles::cpu_uclamp_max>}}},
  };
}

CgroupMetrics cpuset_group_metrics() {
  return {
      id_list<&GroupedFiles::cpuset_cpus>(
          "cgwarden_cgroup_cpuset_cpus",
          "Number and `list` of CPUs asked for (cpuset.cpus); absent where none is."),
      id_list<&GroupedFiles::cpuset_cpus_effective>(
          "cgwarden_cgroup_cpuset_cpus_effective",
          "Number and `list` of CPUs that tasks may use (cpuset.cpus.effective)."),
      id_list<&GroupedFiles::cpuset_cpus_exclusive>(
          "cgwarden_cgroup_cpuset_cpus_exclusive",
          "Number and `list` of CPUs wanted for a partition (cpuset.cpus.exclusive, from Linux "
          "6.7); absent where none is."),
      id_list<&GroupedFiles::cpuset_cpus_exclusive_effective>(
          "cgwarden_cgroup_cpuset_cpus_exclusive_effective",
          "Number and `list` of CPUs that a partition may have (cpuset.cpus.exclusive.effective, "
          "from Linux 6.7)."),
      id_list<&GroupedFiles::cpuset_cpus_isolated>(
          "cgwarden_cgroup_cpuset_cpus_isolated",
          "Number and `list` of CPUs in isolated partitions (cpuset.cpus.isolated, root only, from "
          "Linux 6.8)."),
      id_list<&GroupedFiles::cpuset_mems>(
          "cgwarden_cgroup_cpuset_mems",
          "Number and `list` of memory nodes asked for (cpuset.mems); absent where none is."),
      id_list<&GroupedFiles::cpuset_mems_effective>(
          "cgwarden_cgroup_cpuset_mems_effective",
          "Number and `list` of memory nodes that tasks may use (cpuset.mems.effective)."),
      {{"cgwarden_cgroup_cpuset_cpus_partition", gauge, "",
        "1 with the state of the partition (cpuset.cpus.partition)."},
       {},
       "partition",
       partition},
  };
}

CgroupMetrics memory_group_metrics() {
  return {
      {{"cgwarden_cgroup_memory_oom_group", gauge, "",
        "1 where the OOM killer kills all processes at once (memory.oom.group)."},
       {{"", own_single<&Sample::memory_oom_group>}}},
      {{"cgwarden_cgroup_memory_swap_peak_bytes", gauge, "bytes",
        "Highest memory.swap.current (memory.swap.peak, from Linux 6.5)."},
       {{"", own_single<&Sample::memory_swap_peak>}}},
      {{"cgwarden_cgroup_memory_swap_high_bytes", gauge, "bytes",
        "Swap above which the cgroup is slowed down (memory.swap.high); absent without a limit."},
       {{"", own_single<&Sample::memory_swap_high>}}},
      {{"cgwarden_cgroup_memory_swap_events_total", counter, "",
        "Swap events of the cgroup and its descendants (memory.swap.events)."},
       {{R"(event="high")", count<&Sample::memory_swap_events, &SwapEvents::high>},
        {R"(event="max")", count<&Sample::memory_swap_events, &SwapEvents::max>},
        {R"(event="fail")", count<&Sample::memory_swap_events, &SwapEvents::fail>}}},
      {{"cgwarden_cgroup_memory_zswap_current_bytes", gauge, "bytes",
        "Memory that zswap uses for the cgroup (memory.zswap.current)."},
       {{"", grouped_single<&GroupedFiles::memory_zswap_current>}}},
      {{"cgwarden_cgroup_memory_zswap_max_bytes", gauge, "bytes",
        "Limit of memory that zswap uses (memory.zswap.max); absent without a limit."},
       {{"", grouped_single<&GroupedFiles::memory_zswap_max>}}},
      {{"cgwarden_cgroup_memory_zswap_writeback", gauge, "",
        "1 where zswap may write to the swap device (memory.zswap.writeback, from Linux 6.8)."},
       {{"", grouped_single<&GroupedFiles::memory_zswap_writeback>}}},
  };
}

CgroupMetrics pids_group_metrics() {
  return {
      {{"cgwarden_cgroup_pids_events_local_max_total", counter, "",
        "Forks refused because of the cgroup's own pids.max (pids.events.local max, from Linux "
        "6.12)."},
       {{"", count<&Sample::pids_events_local, &PidsEvents::max>}}},
  };
}

}  // namespace cgwarden::exporters
