#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "policy/simulation/cpu_setting.h"

namespace cgwarden::policy::simulation {

// What one cgroup did between two samples: growth of the counters of cpu.stat, and the cpu.max in
// force. Absent: not recorded.
struct UsageSample {
  Usec length{0};
  Usec usage{0};
  std::optional<std::uint64_t> nr_periods;
  std::optional<std::uint64_t> nr_throttled;
  std::optional<Usec> throttled;  // throttled_usec: the sum over its CPUs
  std::optional<cgroup::CpuMax> max;
  Usec burst{0};  // cpu.max.burst
};

// Where in an unthrottled sample its usage fell, which no counter says. `even`: all over it, the
// best case for a smaller quota. `packed`: as early and fast as the quota in force allowed, the
// worst. `likely`: in pieces of the size that the differences between the samples tell (clumps.h).
enum class Spread : std::uint8_t { even, packed, likely };

// For so long, work arrives that keeps so many CPUs busy.
struct Demand {
  double usec = 0;
  double cpus = 0;
};

// What must have wanted to run, so that the counters grew as they did. The work is exactly the
// usage: what was throttled ran later. But for `likely`, the throttled periods of a sample are
// taken for one burst, which arrived on (quota + lost time) / period CPUs; the rest of the usage is
// spread over the rest of the time.
[[nodiscard]] std::vector<Demand> demanded(std::span<const UsageSample> samples, Spread spread);

}  // namespace cgwarden::policy::simulation
