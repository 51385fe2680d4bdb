#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "cgroup/samples.h"
#include "policy/adapt/cpu_inputs.h"
#include "policy/adapt/time_to_oom.h"

namespace cgwarden::agent {

// What is seen of one cgroup at one tick.
struct AdaptLook {
  const cgroup::Sample& sample;
  TimePoint now;
  std::optional<cgroup::MemoryStat> memory_stat;  // of now, where a loop asks for it
  std::optional<double> node_busy;                // busy share of the node's CPUs, 0 to 1
  bool swap = false;                              // there is some on the machine
  bool between = false;                           // two ticks
  // Its memory.max and those above it, where a loop asks for them.
  std::vector<policy::adapt::MemoryBound> bounds = {};
};

// The counters that loops look at the growth of. Absent: not known.
struct AdaptCounters {
  Usec at{0};  // boottime
  std::optional<std::uint64_t> usage_usec;
  std::optional<std::uint64_t> periods;
  std::optional<std::uint64_t> throttled;
  std::optional<std::uint64_t> throttled_usec;
  std::optional<std::uint64_t> cpu_some_usec;
  Usec cpu_some_at{0};  // when that was so: a look between two ticks may go without
  std::optional<std::uint64_t> memory_some_usec;
  std::optional<std::uint64_t> memory_full_usec;
  std::optional<std::uint64_t> high_events;
  std::optional<std::uint64_t> pgscan;
  std::optional<std::uint64_t> pgsteal;
  std::optional<std::uint64_t> refaults;  // of files and anonymous memory
};
[[nodiscard]] AdaptCounters counters_of(const AdaptLook& look);

// nullopt: one of them is not known, or the counter went back.
[[nodiscard]] std::optional<std::uint64_t> growth(const std::optional<std::uint64_t>& before,
                                                  const std::optional<std::uint64_t>& now);

// nullopt: no usage is known (the controller is off), or no time has passed.
[[nodiscard]] std::optional<policy::adapt::CpuInputs> cpu_inputs(const AdaptCounters& before,
                                                                 const AdaptCounters& now,
                                                                 std::optional<double> node_busy);

}  // namespace cgwarden::agent
