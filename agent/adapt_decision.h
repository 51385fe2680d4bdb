#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "policy/adapt/cpu_controller.h"
#include "policy/adapt/kill_rule.h"
#include "policy/adapt/memory_high.h"
#include "policy/adapt/stall_guard.h"
#include "policy/adapt/time_to_oom.h"
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
  std::string bound = {};  // of time_to_oom: the cgroup whose memory.max is hit

  // One sentence.
  [[nodiscard]] std::string text() const;
};

// The numbers of the store are whole.
[[nodiscard]] std::uint64_t thousandths(double value);

// What the loop says, without policy, cgroup, id and planned.
[[nodiscard]] AdaptDecision describe(const policy::adapt::CpuDecision& decision,
                                     const policy::simulation::CpuSetting& before);
// The first: the quota is brought between the bounds.
[[nodiscard]] AdaptDecision describe_start(const policy::simulation::CpuSetting& before,
                                           const policy::simulation::CpuSetting& after);
[[nodiscard]] AdaptDecision describe(const policy::adapt::MemoryHighDecision& decision);
[[nodiscard]] AdaptDecision describe(const policy::adapt::StallDecision& decision);
// Of a forecast that has begun to warn or has ceased to. `bytes`: what cannot be reclaimed.
[[nodiscard]] AdaptDecision describe(const policy::adapt::OomForecast& forecast, Bytes bytes);
// With the cgroup and its id: of a kill the victim's, else those of what is watched.
[[nodiscard]] AdaptDecision describe(const policy::adapt::KillDecision& decision,
                                     const policy::adapt::KillRule& rule);

}  // namespace cgwarden::agent
