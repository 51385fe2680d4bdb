#pragma once

#include <cstdint>
#include <span>

#include "policy/simulation/cpu_setting.h"
#include "policy/simulation/demand.h"

namespace cgwarden::policy::simulation {

// What a setting would have given. Times in microseconds.
struct CpuOutcome {
  // In which something wanted to run, and one after each row of them (nr_periods).
  std::uint64_t periods = 0;
  std::uint64_t throttled = 0;  // of them (nr_throttled)
  double throttled_usec = 0;    // CPU time that was withheld, the sum over CPUs
  double used_usec = 0;
  double left_usec = 0;  // work that had not run when the recording ended
  double length_usec = 0;
  // Added to the work itself, by amount of work; the last by the one that waited most.
  double delay_p50_usec = 0;
  double delay_p99_usec = 0;
  double delay_p999_usec = 0;
  double delay_max_usec = 0;

  // 0 to 1.
  [[nodiscard]] double throttled_share() const;
  // Of the time: CPUs that waited on average.
  [[nodiscard]] double lost_cpus() const;
};

// Lets the demand run under the setting: work that waits runs, in the order of its arrival, on as
// many CPUs as the largest demand had, until the pool is empty, and then waits for the next period.
// As the kernel keeps 1 ms on each of these CPUs over a refill, so does this. What it leaves out:
// slices that are stranded on CPUs, other cgroups, ancestors' quotas. A quota of "max" withholds
// nothing.
[[nodiscard]] CpuOutcome replay(std::span<const Demand> demand, const CpuSetting& setting);

}  // namespace cgwarden::policy::simulation
