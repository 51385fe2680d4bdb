#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/units.h"
#include "cgroup/samples.h"
#include "policy/diagnostic.h"

namespace cgwarden::policy {

// The block `cpu: memory: pids:` of a Policy or Workload. An absent member means "not managed",
// never a default.
struct Resources {
  std::optional<std::uint32_t> cpu_weight;  // cpu.weight 1..10000
  std::optional<bool> cpu_idle;             // cpu.idle
  std::optional<cgroup::CpuMax> cpu_max;    // cpu.max: `1.5` cores, `500m`, `250ms/100ms`, `max`;
                                            // quota >= 1 ms, period 1 ms..1 s
  std::optional<Usec> cpu_max_burst;        // cpu.max.burst, at most the quota
  std::optional<LimitOf<Bytes>> memory_min;
  std::optional<LimitOf<Bytes>> memory_low;
  std::optional<LimitOf<Bytes>> memory_high;
  std::optional<LimitOf<Bytes>> memory_max;
  std::optional<LimitOf<Bytes>> memory_swap_max;
  std::optional<bool> memory_oom_group;
  std::optional<LimitOf<std::uint64_t>> pids_max;

  // Where each knob was written, by control-file name ("memory.max").
  std::map<std::string, SourcePosition> positions;

  [[nodiscard]] bool empty() const;
};

}  // namespace cgwarden::policy
