#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "policy/adapt/cpu_controller.h"
#include "policy/adapt/memory_high.h"
#include "policy/adapt/stall_guard.h"
#include "policy/policy.h"

namespace cgwarden::agent {

// What a loop of a policy (`adapt:`) has decided for one cgroup, with all that it was made from.
struct AdaptDecision {
  std::string_view loop = {};    // of exporters::kAdaptReasons
  std::string_view reason = {};  // the same
  std::string policy = {};
  std::string cgroup = {};
  CgroupId id = {};
  bool planned = false;      // mode plan: nothing is done
  bool kill = false;         // the cgroup is to be killed
  std::string change = {};   // "cpu.max 20000 100000 -> 30000 100000"; empty: nothing changes
  std::string because = {};  // the inputs, for people
  std::map<std::string, std::uint64_t> numbers = {};  // the inputs, units last

  // One sentence.
  [[nodiscard]] std::string text() const;
};

// What the loop says, without policy, cgroup, id and planned.
[[nodiscard]] AdaptDecision describe(const policy::adapt::CpuDecision& decision,
                                     const policy::simulation::CpuSetting& before);
// The first: the quota is brought between the bounds.
[[nodiscard]] AdaptDecision describe_start(const policy::simulation::CpuSetting& before,
                                           const policy::simulation::CpuSetting& after);
[[nodiscard]] AdaptDecision describe(const policy::adapt::MemoryHighDecision& decision);
[[nodiscard]] AdaptDecision describe(const policy::adapt::StallDecision& decision);

}  // namespace cgwarden::agent
