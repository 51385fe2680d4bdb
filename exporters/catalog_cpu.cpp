#include "exporters/catalog_readers.h"
#include "exporters/catalog_tables.h"

namespace cgwarden::exporters {
namespace {

using cgroup::CpuStat;
using cgroup::CpuStatLocal;
using cgroup::Sample;
using readers::count;
using readers::seconds;
using enum MetricType;

std::optional<Value> quota_cores(const Sample& sample) {
  const auto& max = sample.cpu_max;
  if (!max || is_max(max->quota) || max->period.count() == 0) return std::nullopt;
  return Value::real(static_cast<double>(std::get<Usec>(max->quota).count()) /
                     static_cast<double>(max->period.count()));
}

std::optional<Value> quota_period(const Sample& sample) {
  if (!sample.cpu_max) return std::nullopt;
  return Value::seconds(sample.cpu_max->period);
}

}  // namespace

std::vector<CgroupMetric> cpu_metrics() {
  return {
      {{"cgwarden_cgroup_cpu_usage_seconds_total", counter, "seconds",
        "CPU time used by the cgroup and its descendants (cpu.stat usage_usec)."},
       {{"", seconds<&Sample::cpu_stat, &CpuStat::usage_usec>}}},
      {{"cgwarden_cgroup_cpu_user_seconds_total", counter, "seconds",
        "CPU time used in user mode (cpu.stat user_usec)."},
       {{"", seconds<&Sample::cpu_stat, &CpuStat::user_usec>}}},
      {{"cgwarden_cgroup_cpu_system_seconds_total", counter, "seconds",
        "CPU time used in the kernel (cpu.stat system_usec)."},
       {{"", seconds<&Sample::cpu_stat, &CpuStat::system_usec>}}},
      {{"cgwarden_cgroup_cpu_periods_total", counter, "",
        "Enforcement periods of cpu.max in which the cgroup ran (cpu.stat nr_periods)."},
       {{"", count<&Sample::cpu_stat, &CpuStat::nr_periods>}}},
      {{"cgwarden_cgroup_cpu_throttled_periods_total", counter, "",
        "Periods in which the quota of cpu.max was used up (cpu.stat nr_throttled)."},
       {{"", count<&Sample::cpu_stat, &CpuStat::nr_throttled>}}},
      {{"cgwarden_cgroup_cpu_throttled_seconds_total", counter, "seconds",
        "Time held back by the cgroup's own cpu.max, summed over CPUs (cpu.stat throttled_usec)."},
       {{"", seconds<&Sample::cpu_stat, &CpuStat::throttled_usec>}}},
      {{"cgwarden_cgroup_cpu_throttled_local_seconds_total", counter, "seconds",
        "Time held back by this cgroup's or an ancestor's cpu.max (cpu.stat.local throttled_usec, "
        "from Linux 6.6)."},
       {{"", seconds<&Sample::cpu_stat_local, &CpuStatLocal::throttled_usec>}}},
      {{"cgwarden_cgroup_cpu_bursts_total", counter, "",
        "Periods in which saved quota of cpu.max.burst was used (cpu.stat nr_bursts)."},
       {{"", count<&Sample::cpu_stat, &CpuStat::nr_bursts>}}},
      {{"cgwarden_cgroup_cpu_burst_seconds_total", counter, "seconds",
        "CPU time used above the quota out of cpu.max.burst (cpu.stat burst_usec)."},
       {{"", seconds<&Sample::cpu_stat, &CpuStat::burst_usec>}}},
      {{"cgwarden_cgroup_cpu_max_cores", gauge, "cores",
        "Quota of cpu.max divided by its period; absent without a quota."},
       {{"", quota_cores}}},
      {{"cgwarden_cgroup_cpu_max_period_seconds", gauge, "seconds", "Period of cpu.max."},
       {{"", quota_period}}},
      {{"cgwarden_cgroup_cpu_weight", gauge, "",
        "Share of CPU time relative to siblings, 1 to 10000; 0 while cpu.idle is set "
        "(cpu.weight)."},
       {{"", readers::single<&Sample::cpu_weight>}}},
  };
}

}  // namespace cgwarden::exporters
