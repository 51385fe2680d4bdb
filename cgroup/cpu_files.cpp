#include "cgroup/field_table.h"
#include "cgroup/quote.h"
#include "cgroup/scan.h"

namespace cgwarden::cgroup {
namespace {

// kernel/sched/core.c cpu_extra_stat_show and kernel/cgroup/rstat.c cgroup_base_stat_cputime_show.
constexpr std::array kCpuStatFields{
    CountField<CpuStat>{"usage_usec", &CpuStat::usage_usec},
    CountField<CpuStat>{"user_usec", &CpuStat::user_usec},
    CountField<CpuStat>{"system_usec", &CpuStat::system_usec},
    CountField<CpuStat>{"nice_usec", &CpuStat::nice_usec},
    CountField<CpuStat>{"core_sched.force_idle_usec", &CpuStat::core_sched_force_idle_usec},
    CountField<CpuStat>{"nr_periods", &CpuStat::nr_periods},
    CountField<CpuStat>{"nr_throttled", &CpuStat::nr_throttled},
    CountField<CpuStat>{"throttled_usec", &CpuStat::throttled_usec},
    CountField<CpuStat>{"nr_bursts", &CpuStat::nr_bursts},
    CountField<CpuStat>{"burst_usec", &CpuStat::burst_usec},
};

// kernel/sched/core.c cpu_local_stat_show.
constexpr std::array kCpuStatLocal{
    CountField<CpuStatLocal>{"throttled_usec", &CpuStatLocal::throttled_usec},
};

}  // namespace

std::span<const CountField<CpuStat>> cpu_stat_fields() { return kCpuStatFields; }
std::span<const CountField<CpuStatLocal>> cpu_stat_local_fields() { return kCpuStatLocal; }

Result<CpuStat> parse_cpu_stat(std::string_view text) {
  return parse_counts(text, "cpu.stat", kCpuStatFields);
}

bool scan_cpu_stat(std::string_view text, CpuStat& out) {
  return scan_counts(text, kCpuStatFields, out);
}

Result<CpuStatLocal> parse_cpu_stat_local(std::string_view text) {
  return parse_counts(text, "cpu.stat.local", kCpuStatLocal);
}

// cgroup-v2.rst "cpu.max": two values in one line.
Result<CpuMax> parse_cpu_max(std::string_view text) {
  static constexpr std::string_view kWhere = "cpu.max";
  const std::size_t blank = text.find(' ');
  if (!text.ends_with('\n') || blank == std::string_view::npos) {
    return fail(malformed(kWhere, quote(text) + " is not a line of quota and period"));
  }
  const std::string_view quota = text.substr(0, blank);
  const std::string_view period = text.substr(blank + 1, text.size() - blank - 2);
  CpuMax limit;
  if (quota != "max") {
    const auto usec = parse_integer<std::uint64_t>(quota);
    if (!usec) return fail(malformed(kWhere, quote(quota) + " is neither a number nor max"));
    limit.quota = Usec(*usec);
  }
  const auto usec = parse_integer<std::uint64_t>(period);
  // A period of 0 cannot be set (1 ms..1 s), and every reader divides by it.
  if (!usec || *usec == 0) return fail(malformed(kWhere, quote(period) + " is not a period"));
  limit.period = Usec(*usec);
  return limit;
}

}  // namespace cgwarden::cgroup
