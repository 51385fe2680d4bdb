#pragma once

#include <optional>
#include <span>
#include <vector>

#include "policy/simulation/replay.h"

namespace cgwarden::policy::simulation {

// What must have been kept; absent: is not asked for.
struct CpuTarget {
  std::optional<double> throttled_share = {};  // of the periods, 0 to 1
  std::optional<double> lost_cpus = {};        // CPUs that waited on average
  std::optional<Usec> delay_p99 = {};          // added to 99 % of the work at most
};
[[nodiscard]] bool keeps(const CpuOutcome& outcome, const CpuTarget& target);

struct Candidate {
  CpuSetting setting;
  CpuOutcome outcome;
};

// For each way to burst (none, half of the quota, all of it) the smallest quota that keeps the
// target, in whole milliseconds per `period`; the cheapest first, of two that cost the same the one
// that bursts less. 1 ms <= period <= 1 s. Work that has not run when the demand ends keeps no
// target. Never empty: a quota for all CPUs in demand withholds nothing.
[[nodiscard]] std::vector<Candidate> recommend(std::span<const Demand> demand,
                                               const CpuTarget& target, Usec period);

}  // namespace cgwarden::policy::simulation
