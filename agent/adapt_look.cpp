#include "agent/adapt_look.h"

#include <algorithm>

namespace cgwarden::agent {

AdaptCounters counters_of(const AdaptLook& look) {
  const cgroup::Sample& sample = look.sample;
  AdaptCounters counters;
  counters.at = look.now.boottime;
  if (const auto& stat = sample.cpu_stat) {
    counters.usage_usec = stat->usage_usec;
    counters.periods = stat->nr_periods;
    counters.throttled = stat->nr_throttled;
    counters.throttled_usec = stat->throttled_usec;
  }
  const auto total = [](const std::optional<cgroup::PressureLine>& line) {
    return line ? std::optional(line->total_usec) : std::nullopt;
  };
  if (sample.cpu_pressure) {
    counters.cpu_some_usec = total(sample.cpu_pressure->some);
    counters.cpu_some_at = counters.at;
  }
  if (sample.memory_pressure) {
    counters.memory_some_usec = total(sample.memory_pressure->some);
    counters.memory_full_usec = total(sample.memory_pressure->full);
  }
  if (sample.memory_events) counters.high_events = sample.memory_events->high;
  if (const auto& stat = look.memory_stat) {
    counters.pgscan = stat->pgscan;
    counters.pgsteal = stat->pgsteal;
    if (stat->workingset_refault_file && stat->workingset_refault_anon) {
      counters.refaults = *stat->workingset_refault_file + *stat->workingset_refault_anon;
    }
  }
  return counters;
}

std::optional<std::uint64_t> growth(const std::optional<std::uint64_t>& before,
                                    const std::optional<std::uint64_t>& now) {
  if (!before || !now || *now < *before) return std::nullopt;
  return *now - *before;
}

std::optional<policy::adapt::CpuInputs> cpu_inputs(const AdaptCounters& before,
                                                   const AdaptCounters& now,
                                                   std::optional<double> node_busy) {
  const auto usage = growth(before.usage_usec, now.usage_usec);
  if (!usage || now.at <= before.at) return std::nullopt;
  policy::adapt::CpuInputs inputs;
  inputs.now = now.at;
  inputs.length = now.at - before.at;
  inputs.usage = Usec{*usage};
  inputs.periods = growth(before.periods, now.periods).value_or(0);
  inputs.throttled = growth(before.throttled, now.throttled).value_or(0);
  inputs.throttled_time = Usec{growth(before.throttled_usec, now.throttled_usec).value_or(0)};
  const auto waited = growth(before.cpu_some_usec, now.cpu_some_usec);
  if (waited && now.cpu_some_at > before.cpu_some_at) {
    const Usec since = now.cpu_some_at - before.cpu_some_at;
    inputs.pressure =
        std::min(1.0, static_cast<double>(*waited) / static_cast<double>(since.count()));
  }
  inputs.node_busy = node_busy;
  return inputs;
}

}  // namespace cgwarden::agent
