#pragma once

#include <cstdint>
#include <optional>

#include "base/units.h"

namespace cgwarden::policy::adapt {

// What one cgroup did since the last tick: growth of the counters of cpu.stat and cpu.pressure.
struct CpuInputs {
  Usec now{0};     // boottime
  Usec length{0};  // since the last tick
  Usec usage{0};
  std::uint64_t periods = 0;    // nr_periods
  std::uint64_t throttled = 0;  // nr_throttled
  Usec throttled_time{0};       // throttled_usec: the sum over CPUs
  // Share of the time, 0 to 1, in which a task waited for a CPU (cpu.pressure, some). Absent: no
  // PSI.
  std::optional<double> pressure;
  // Busy share of the CPUs of the node, 0 to 1. Absent: not known.
  std::optional<double> node_busy;
};

}  // namespace cgwarden::policy::adapt
