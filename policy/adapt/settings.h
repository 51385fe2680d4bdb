#pragma once

#include <cstdint>
#include <optional>

#include "policy/adapt/cpu_controller.h"
#include "policy/adapt/kill_rule.h"
#include "policy/adapt/memory_high.h"
#include "policy/adapt/stall_guard.h"
#include "policy/adapt/time_to_oom.h"
#include "policy/diagnostic.h"

namespace cgwarden::policy::adapt {

// What is done about a cgroup that hangs at memory.high; each does what stands before it too.
enum class StallResponse : std::uint8_t { notify, raise, kill };

// The block `adapt:` of a Policy. An absent member: no such loop.
struct Settings {
  std::optional<CpuTargets> cpu;  // cpu.max and cpu.max.burst
  SourcePosition cpu_position;
  std::optional<MemoryHighTargets> memory_high;
  SourcePosition memory_high_position;
  std::optional<StallLimits> stall;
  StallResponse stall_response = StallResponse::notify;
  SourcePosition stall_position;
  std::optional<OomLimits> time_to_oom;
  SourcePosition time_to_oom_position;
  std::optional<KillRule> kill;
  SourcePosition kill_position;

  [[nodiscard]] bool empty() const {
    return !cpu && !memory_high && !stall && !time_to_oom && !kill;
  }
};

}  // namespace cgwarden::policy::adapt
