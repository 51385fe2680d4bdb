#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "benchmarks/policy/traffic.h"

#include "policy/adapt/cpu_inputs.h"
#include "policy/simulation/cpu_setting.h"

namespace cgwarden::benchmark {

// Decides the setting of a cgroup, ten times a second.
class Contender {
 public:
  virtual ~Contender() = default;
  [[nodiscard]] virtual policy::simulation::CpuSetting begin() = 0;
  // What to write now; nullopt: nothing.
  [[nodiscard]] virtual std::optional<policy::simulation::CpuSetting> tick(
      const policy::adapt::CpuInputs& inputs) = 0;
};

struct Served {
  double reserved_cores = 0;  // mean quota
  double used_cores = 0;
  double p99_usec = 0;
  double p999_usec = 0;
  double throttled_share = 0;  // of the periods with work
  double throttled_periods = 0;
  double writes_per_second = 0;
  std::uint64_t most_writes = 0;  // in any ten seconds
};

// Requests of a service with a thread on each of so many CPUs under a quota, in steps of a
// millisecond, with the slices and periods of kernel/sched/fair.c: each CPU takes 5 ms from the
// pool and gives back all but 1 ms when it has nothing to run. Without a contender there is no
// quota.
[[nodiscard]] Served serve(const Traffic& traffic, Contender* contender, std::size_t cpus);

}  // namespace cgwarden::benchmark
