#include "cgroup/take_value.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <string_view>

#include "cgroup/sampled_files.h"

namespace cgwarden::cgroup {
namespace {

constexpr std::uint64_t kNsecPerUsec = 1000;
// kernel/sched/cputime.c multiplies two numbers of 64 bits before it divides.
__extension__ using Wide = unsigned __int128;

struct CpuSplit {
  std::uint64_t user_nsec = 0;
  std::uint64_t system_nsec = 0;
};

// User and system time are counted in ticks, the run time is exact: it is divided in their ratio
// (kernel/sched/cputime.c cputime_adjust). Neither may fall from what was shown before.
CpuSplit cpu_split(const CgroupValues& values) {
  const std::uint64_t whole = values.runtime_nsec;
  const CpuSplit shown{values.shown_user_nsec, values.shown_system_nsec};
  if (Wide{shown.user_nsec} + shown.system_nsec >= whole) return shown;
  std::uint64_t system = 0;
  if (values.system_nsec != 0) {
    const Wide sum = Wide{values.system_nsec} + values.user_nsec;
    system = static_cast<std::uint64_t>(Wide{values.system_nsec} * whole / sum);
  }
  system = std::max(system, shown.system_nsec);
  std::uint64_t user = whole - system;
  if (user < shown.user_nsec) {
    user = shown.user_nsec;
    system = whole - user;
  }
  return {user, system};
}

bool take_cpu_stat(const CgroupValues& values, Sample& sample) {
  const auto printable = [](std::uint32_t number) {
    return number <= std::uint32_t{std::numeric_limits<std::int32_t>::max()};  // "%d"
  };
  if (!printable(values.nr_periods) || !printable(values.nr_throttled) ||
      !printable(values.nr_bursts)) {
    return false;
  }
  const CpuSplit parts = cpu_split(values);
  CpuStat stat;
  stat.usage_usec = values.runtime_nsec / kNsecPerUsec;
  stat.user_usec = parts.user_nsec / kNsecPerUsec;
  stat.system_usec = parts.system_nsec / kNsecPerUsec;
  if ((values.keys & kValuesNice) != 0) stat.nice_usec = values.nice_nsec / kNsecPerUsec;
  if ((values.keys & kValuesForceIdle) != 0) {
    stat.core_sched_force_idle_usec = values.force_idle_nsec / kNsecPerUsec;
  }
  if ((values.keys & kValuesBandwidth) != 0) {
    stat.nr_periods = values.nr_periods;
    stat.nr_throttled = values.nr_throttled;
    stat.throttled_usec = values.throttled_nsec / kNsecPerUsec;
    stat.nr_bursts = values.nr_bursts;
    stat.burst_usec = values.burst_nsec / kNsecPerUsec;
  }
  if (sample.cpu_stat) keep_rising(*sample.cpu_stat, stat);
  sample.cpu_stat = stat;
  return true;
}

bool take_memory_current(const CgroupValues& values, Sample& sample) {
  sample.memory_current = Bytes{values.memory_bytes};
  return true;
}

bool take_memory_events(const CgroupValues& values, Sample& sample) {
  const auto& counts = values.memory_events;
  sample.memory_events =
      MemoryEvents{counts[0], counts[1], counts[2], counts[3], counts[4], counts[5]};
  return true;
}

// As "%lu.%02lu" of LOAD_INT and LOAD_FRAC (include/linux/sched/loadavg.h).
bool take_percent(std::uint32_t fixed, double& out) {
  constexpr std::uint32_t kFractionBits = 11;
  constexpr std::uint32_t kFraction = (1U << kFractionBits) - 1;
  const std::uint32_t whole = fixed >> kFractionBits;
  const std::uint32_t hundredths = ((fixed & kFraction) * 100) >> kFractionBits;
  out = static_cast<double>(whole * 100 + hundredths) / 100;
  return whole <= 100;
}

bool take_line(const CgroupValues& values, std::size_t state, PressureLine& line) {
  const auto& averages = values.averages[state];
  line.total_usec = values.stalled_nsec[state] / kNsecPerUsec;
  return take_percent(averages[0], line.avg10) && take_percent(averages[1], line.avg60) &&
         take_percent(averages[2], line.avg300);
}

// `First`: the state of the line "some"; "full" is the next one.
template <auto Member, std::size_t First>
bool take_pressure(const CgroupValues& values, Sample& sample) {
  Pressure pressure;
  if (!take_line(values, First, pressure.some.emplace())) return false;
  if (!take_line(values, First + 1, pressure.full.emplace())) return false;
  sample.*Member = pressure;
  return true;
}

bool take_pids(const CgroupValues& values, Sample& sample) {
  sample.pids_current = values.pids;
  return true;
}

bool take_events(const CgroupValues& values, Sample& sample) {
  sample.cgroup_events = CgroupEvents{values.populated != 0, values.frozen != 0};
  return true;
}

struct Taker {
  std::uint32_t offer = 0;
  bool (*take)(const CgroupValues& values, Sample& sample) = nullptr;
};

using Takers = std::array<Taker, kSampledFiles>;

Takers make_takers() {
  Takers made{};
  const auto set = [&](std::string_view name, Taker taker) { made.at(sampled_file(name)) = taker; };
  set("cpu.stat", {kValuesCpuStat, take_cpu_stat});
  set("memory.current", {kValuesMemory, take_memory_current});
  set("memory.events", {kValuesMemory, take_memory_events});
  set("io.pressure", {kValuesIoPressure, take_pressure<&Sample::io_pressure, 0>});
  set("memory.pressure", {kValuesMemoryPressure, take_pressure<&Sample::memory_pressure, 2>});
  set("cpu.pressure", {kValuesCpuPressure, take_pressure<&Sample::cpu_pressure, 4>});
  set("pids.current", {kValuesPids, take_pids});
  set("cgroup.events", {kValuesEvents, take_events});
  return made;
}

}  // namespace

bool take_value(const CgroupValues& values, std::size_t file, Sample& sample) {
  static const Takers kTakers = make_takers();
  const Taker& taker = kTakers.at(file);
  return (values.files & taker.offer) != 0 && taker.take(values, sample);
}

void keep_rising(const CpuStat& before, CpuStat& now) {
  if (!before.user_usec || !before.system_usec || !now.user_usec || !now.system_usec) return;
  const std::uint64_t sum = *now.user_usec + *now.system_usec;
  // Another cgroup's or a kernel's fault: there is nothing to keep.
  if (*before.user_usec + *before.system_usec > sum) return;
  if (*now.user_usec < *before.user_usec) {
    now.user_usec = before.user_usec;
    now.system_usec = sum - *before.user_usec;
  } else if (*now.system_usec < *before.system_usec) {
    now.system_usec = before.system_usec;
    now.user_usec = sum - *before.system_usec;
  }
}

}  // namespace cgwarden::cgroup
