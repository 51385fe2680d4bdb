// The table of /metrics/cadvisor. Names, types and labels are cAdvisor's
// (docs/storage/prometheus.md of its repository); helps say which kernel file they are from.
#include <algorithm>

#include "base/limits.h"
#include "exporters/cadvisor.h"
#include "exporters/catalog_grouped_readers.h"
#include "exporters/escape.h"

namespace cgwarden::exporters {
namespace {

using cgroup::CpuStat;
using cgroup::IoStat;
using cgroup::MemoryEvents;
using cgroup::MemoryStat;
using cgroup::Pressure;
using cgroup::Sample;
using readers::count;
using readers::seconds;
using readers::single;
using readers::stall;
using enum MetricType;
using Metrics = std::vector<CadvisorMetric>;

// cAdvisor has the cfs families of cgroups with a quota only; the kernel counts nothing without
// one.
bool has_quota(const Sample& sample) { return sample.cpu_max && !is_max(sample.cpu_max->quota); }

template <auto Key>
std::optional<Value> cfs_count(const Sample& sample) {
  return has_quota(sample) ? count<&Sample::cpu_stat, Key>(sample) : std::nullopt;
}
template <auto Key>
std::optional<Value> cfs_seconds(const Sample& sample) {
  return has_quota(sample) ? seconds<&Sample::cpu_stat, Key>(sample) : std::nullopt;
}

std::optional<Value> cpu_quota(const Sample& sample) {
  if (!has_quota(sample)) return std::nullopt;
  return Value::count(std::get<Usec>(sample.cpu_max->quota).count());
}

std::optional<Value> cpu_period(const Sample& sample) {
  if (!sample.cpu_max) return std::nullopt;
  return Value::count(sample.cpu_max->period.count());
}

// The runtimes turn shares (2..262144) into weight (1..10000); this is the way back.
std::optional<Value> cpu_shares(const Sample& sample) {
  if (!sample.cpu_weight || *sample.cpu_weight == 0) return std::nullopt;
  return Value::count(2 + ((std::uint64_t{*sample.cpu_weight} - 1) * 262142) / 9999);
}

// cAdvisor says 0 for "no limit", and dashboards ask for `> 0`.
template <auto File>
std::optional<Value> limit_or_zero(const Sample& sample) {
  const auto& file = sample.*File;
  if (!file) return std::nullopt;
  return is_max(*file) ? Value::count(0) : readers::to_value(std::get<1>(*file));
}

template <auto Key>
void devices(const CadvisorRow& row, LineSink& sink) {
  if (!row.sample.io_stat) return;
  const std::size_t shown = std::min(row.sample.io_stat->size(), limits::kExportedDevices);
  for (std::size_t i = 0; i < shown; ++i) {
    const IoStat& device = (*row.sample.io_stat)[i];
    if (!(device.*Key)) continue;
    std::string name = std::to_string(device.major) + ":" + std::to_string(device.minor);
    if (row.device_names != nullptr) {
      const auto found = row.device_names->find({device.major, device.minor});
      if (found != row.device_names->end()) name = "/dev/" + found->second;
    }
    sink.line(label("device", name), Value::count(*(device.*Key)));
  }
}

void last_seen(const CadvisorRow& row, LineSink& sink) {
  const bool gone = row.known != nullptr && row.known->last_seen;
  const Usec wall = gone ? *row.known->last_seen : row.taken.wall;
  sink.line("", Value::count(wall.count() / 1'000'000));
}

void start_time(const CadvisorRow& row, LineSink& sink) {
  if (row.known != nullptr && row.known->appeared) {
    sink.line("", Value::seconds(*row.known->appeared));
  }
}

Metrics cpu() {
  return {
      {{"container_cpu_usage_seconds_total", counter, "seconds",
        "CPU time consumed (cpu.stat usage_usec)."},
       {{R"(cpu="total")", seconds<&Sample::cpu_stat, &CpuStat::usage_usec>}}},
      {{"container_cpu_user_seconds_total", counter, "seconds",
        "CPU time in user space (cpu.stat user_usec)."},
       {{"", seconds<&Sample::cpu_stat, &CpuStat::user_usec>}}},
      {{"container_cpu_system_seconds_total", counter, "seconds",
        "CPU time in the kernel (cpu.stat system_usec)."},
       {{"", seconds<&Sample::cpu_stat, &CpuStat::system_usec>}}},
      {{"container_cpu_cfs_periods_total", counter, "",
        "Enforcement periods of the quota (cpu.stat nr_periods)."},
       {{"", cfs_count<&CpuStat::nr_periods>}}},
      {{"container_cpu_cfs_throttled_periods_total", counter, "",
        "Periods in which the quota ran out (cpu.stat nr_throttled)."},
       {{"", cfs_count<&CpuStat::nr_throttled>}}},
      {{"container_cpu_cfs_throttled_seconds_total", counter, "seconds",
        "Time held back by the quota (cpu.stat throttled_usec)."},
       {{"", cfs_seconds<&CpuStat::throttled_usec>}}},
      {{"container_cpu_cfs_burst_periods_total", counter, "",
        "Periods in which saved quota was spent (cpu.stat nr_bursts)."},
       {{"", cfs_count<&CpuStat::nr_bursts>}}},
      {{"container_cpu_cfs_burst_seconds_total", counter, "seconds",
        "Saved quota that was spent (cpu.stat burst_usec)."},
       {{"", cfs_seconds<&CpuStat::burst_usec>}}},
      {{"container_spec_cpu_period", gauge, "", "Period of the quota in microseconds (cpu.max)."},
       {{"", cpu_period}}},
      {{"container_spec_cpu_quota", gauge, "",
        "CPU time per period in microseconds (cpu.max); absent without a quota."},
       {{"", cpu_quota}}},
      {{"container_spec_cpu_shares", gauge, "", "cpu.weight as CPU shares."}, {{"", cpu_shares}}},
  };
}

Metrics memory() {
  return {
      {{"container_memory_usage_bytes", gauge, "bytes", "All memory charged (memory.current)."},
       {{"", single<&Sample::memory_current>}}},
      {{"container_memory_working_set_bytes", gauge, "bytes",
        "memory.current less inactive_file of memory.stat."},
       {{"", readers::working_set}}},
      {{"container_memory_rss", gauge, "", "Anonymous memory in bytes (memory.stat anon)."},
       {{"", count<&Sample::memory_stat, &MemoryStat::anon>}}},
      {{"container_memory_cache", gauge, "", "Page cache in bytes (memory.stat file)."},
       {{"", count<&Sample::memory_stat, &MemoryStat::file>}}},
      {{"container_memory_mapped_file", gauge, "",
        "Mapped files in bytes (memory.stat file_mapped)."},
       {{"", count<&Sample::memory_stat, &MemoryStat::file_mapped>}}},
      {{"container_memory_swap", gauge, "", "Swap used in bytes (memory.swap.current)."},
       {{"", single<&Sample::memory_swap_current>}}},
      {{"container_memory_max_usage_bytes", gauge, "bytes",
        "Highest memory.current (memory.peak)."},
       {{"", single<&Sample::memory_peak>}}},
      {{"container_memory_kernel_usage", gauge, "", "Kernel memory in bytes (memory.stat kernel)."},
       {{"", count<&Sample::memory_stat, &MemoryStat::kernel>}}},
      {{"container_memory_total_active_file_bytes", gauge, "bytes",
        "Page cache in use (memory.stat active_file)."},
       {{"", count<&Sample::memory_stat, &MemoryStat::active_file>}}},
      {{"container_memory_total_inactive_file_bytes", gauge, "bytes",
        "Page cache that is reclaimed first (memory.stat inactive_file)."},
       {{"", count<&Sample::memory_stat, &MemoryStat::inactive_file>}}},
      {{"container_memory_failures_total", counter, "",
        "Page faults (memory.stat pgfault, pgmajfault; cgroup v2 has one number for both scopes)."},
       {{R"(failure_type="pgfault",scope="container")",
         count<&Sample::memory_stat, &MemoryStat::pgfault>},
        {R"(failure_type="pgfault",scope="hierarchy")",
         count<&Sample::memory_stat, &MemoryStat::pgfault>},
        {R"(failure_type="pgmajfault",scope="container")",
         count<&Sample::memory_stat, &MemoryStat::pgmajfault>},
        {R"(failure_type="pgmajfault",scope="hierarchy")",
         count<&Sample::memory_stat, &MemoryStat::pgmajfault>}}},
      {{"container_spec_memory_limit_bytes", gauge, "bytes",
        "Hard limit (memory.max); 0 without one."},
       {{"", limit_or_zero<&Sample::memory_max>}}},
      {{"container_spec_memory_reservation_limit_bytes", gauge, "bytes",
        "Soft protection (memory.low)."},
       {{"", limit_or_zero<&Sample::memory_low>}}},
      {{"container_spec_memory_swap_limit_bytes", gauge, "bytes",
        "Limit of swap (memory.swap.max); 0 without one."},
       {{"", limit_or_zero<&Sample::memory_swap_max>}}},
  };
}

template <auto Key>
CadvisorMetric memory_event(std::string_view name, std::string_view help) {
  return {{name, counter, "", help}, {{"", count<&Sample::memory_events, Key>}}};
}

Metrics events() {
  return {
      memory_event<&MemoryEvents::low>("container_memory_events_low_total",
                                       "Reclaim below memory.low (memory.events low)."),
      memory_event<&MemoryEvents::high>("container_memory_events_high_total",
                                        "Held back above memory.high (memory.events high)."),
      memory_event<&MemoryEvents::max>("container_memory_events_max_total",
                                       "memory.max was hit (memory.events max)."),
      memory_event<&MemoryEvents::oom>("container_memory_events_oom_total",
                                       "Out of memory below the limit (memory.events oom)."),
      memory_event<&MemoryEvents::oom_kill>("container_memory_events_oom_kill_total",
                                            "Processes killed (memory.events oom_kill)."),
      memory_event<&MemoryEvents::oom_group_kill>("container_memory_events_oom_group_kill_total",
                                                  "Group kills (memory.events oom_group_kill)."),
      memory_event<&MemoryEvents::oom_kill>("container_oom_events_total",
                                            "OOM kills (memory.events oom_kill)."),
  };
}

template <auto File, auto Line>
CadvisorMetric pressure(std::string_view name, std::string_view help) {
  return {{name, counter, "seconds", help}, {{"", stall<File, Line>}}};
}

Metrics pressures() {
  return {
      pressure<&Sample::cpu_pressure, &Pressure::some>(
          "container_pressure_cpu_waiting_seconds_total", "Some task waited (cpu.pressure some)."),
      pressure<&Sample::cpu_pressure, &Pressure::full>(
          "container_pressure_cpu_stalled_seconds_total", "All tasks waited (cpu.pressure full)."),
      pressure<&Sample::memory_pressure, &Pressure::some>(
          "container_pressure_memory_waiting_seconds_total",
          "Some task waited (memory.pressure some)."),
      pressure<&Sample::memory_pressure, &Pressure::full>(
          "container_pressure_memory_stalled_seconds_total",
          "All tasks waited (memory.pressure full)."),
      pressure<&Sample::io_pressure, &Pressure::some>("container_pressure_io_waiting_seconds_total",
                                                      "Some task waited (io.pressure some)."),
      pressure<&Sample::io_pressure, &Pressure::full>("container_pressure_io_stalled_seconds_total",
                                                      "All tasks waited (io.pressure full)."),
  };
}

template <auto Member>
void huge_pages(const CadvisorRow& row, LineSink& sink) {
  if (!row.sample.grouped) return;
  for (const cgroup::HugetlbSize& size : row.sample.grouped->hugetlb) {
    const auto value = readers::value_of(size.*Member);
    if (value) sink.line(label("pagesize", size.size), *value);
  }
}

Metrics hugetlb() {
  return {
      {{"container_hugetlb_usage_bytes", gauge, "bytes",
        "Huge pages in use (hugetlb.SIZE.current); with the export group hugetlb."},
       {},
       "pagesize",
       huge_pages<&cgroup::HugetlbSize::current>},
      // A counter of cAdvisor; OpenMetrics wants every counter to end in _total.
      {{"container_hugetlb_failcnt", gauge, "",
        "Refusals because of a limit (hugetlb.SIZE.events max); with the export group hugetlb."},
       {},
       "pagesize",
       huge_pages<&cgroup::HugetlbSize::events_max>},
  };
}

Metrics others() {
  return {
      {{"container_fs_reads_bytes_total", counter, "bytes", "Bytes read (io.stat rbytes)."},
       {},
       "device",
       devices<&IoStat::rbytes>},
      {{"container_fs_writes_bytes_total", counter, "bytes", "Bytes written (io.stat wbytes)."},
       {},
       "device",
       devices<&IoStat::wbytes>},
      {{"container_fs_reads_total", counter, "", "Reads (io.stat rios)."},
       {},
       "device",
       devices<&IoStat::rios>},
      {{"container_fs_writes_total", counter, "", "Writes (io.stat wios)."},
       {},
       "device",
       devices<&IoStat::wios>},
      {{"container_threads", gauge, "", "Tasks (pids.current)."},
       {{"", single<&Sample::pids_current>}}},
      {{"container_threads_max", gauge, "", "Limit of tasks (pids.max); 0 without one."},
       {{"", limit_or_zero<&Sample::pids_max>}}},
      {{"container_last_seen", gauge, "", "Unix time of the sample."}, {}, "", last_seen},
      {{"container_start_time_seconds", gauge, "seconds",
        "Unix time at which the agent saw the cgroup appear; absent for one that is older than the "
        "agent."},
       {},
       "",
       start_time},
  };
}

}  // namespace

const std::vector<CadvisorMetric>& cadvisor_metrics() {
  static const Metrics metrics = [] {
    Metrics all;
    for (auto&& part : {cpu(), memory(), events(), pressures(), hugetlb(), others()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }();
  return metrics;
}

}  // namespace cgwarden::exporters
