#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/adapt_claims.h"
#include "agent/adapt_cpu.h"
#include "agent/adapt_decision.h"
#include "agent/adapt_memory.h"
#include "agent/adapt_stall.h"
#include "cgroup/snapshot.h"
#include "policy/node_facts.h"
#include "policy/plan.h"
#include "policy/policy.h"

namespace cgwarden::agent {

// The closed loops of policies (`adapt:`) on all cgroups that they match. Decides, and writes
// nothing: what it wants stands in Policy::adapted, and the enforcer brings it about as any other
// value, with originals, drift, limits of writes and systemd.
//
//   once per tick: decisions = adaptation.tick(snapshot, policies); enforcer.enforce(snapshot,
//   policies); tell of the decisions, and kill what they say
//
// On the loop's thread.
class Adaptation {
 public:
  struct Sources {
    policy::Ownership owner_of;
    policy::NodeFacts facts;
    // memory.stat of a cgroup as it is now: the sampler reads it too seldom.
    std::function<std::optional<cgroup::MemoryStat>(const std::string& path)> memory_stat;
  };
  explicit Adaptation(Sources sources) : sources_(std::move(sources)) {}

  // Fills in Policy::adapted. Decisions that change something, would in mode plan, or are refused
  // for another reason than the last one, in the order of the cgroups' paths.
  [[nodiscard]] std::vector<AdaptDecision> tick(const cgroup::Snapshot& snapshot,
                                                std::vector<policy::Policy>& policies);
  // Cgroups with a loop in the last tick, and those left without one by limits::kAdaptedCgroups.
  [[nodiscard]] std::size_t cgroups() const { return loops_.size(); }
  [[nodiscard]] std::size_t left_out() const { return left_out_; }

 private:
  struct Loops {
    std::optional<AdaptCpu> cpu;
    std::optional<AdaptMemoryHigh> memory_high;
    std::optional<AdaptStall> stall;
  };
  // One tick of one kind of loop on one cgroup.
  template <typename Loop>
  void run(std::optional<Loop>& loop, const typename Loop::How& how, std::size_t place,
           const AdaptLook& look, const std::vector<policy::Policy>& policies);
  void run_all(const cgroup::Sample& sample, const AdaptClaims& claims, bool unit, TimePoint now,
               const std::vector<policy::Policy>& policies);
  // Drops the loops of policies that may not write this cgroup, and says so once.
  void drop_refused(const cgroup::Sample& sample, const policy::Access& access,
                    const std::vector<policy::Policy>& policies, AdaptClaims& claims);
  [[nodiscard]] std::optional<double> busy_share(const cgroup::Snapshot& snapshot);

  Sources sources_;
  std::map<CgroupId, Loops> loops_;
  std::map<CgroupId, std::string> refused_;  // said, and why
  // While a tick runs.
  std::map<CgroupId, Loops> next_;
  std::map<CgroupId, std::string> next_refused_;
  std::vector<policy::AdaptedValues> values_;  // by place of the policy
  std::vector<AdaptDecision> decisions_;
  std::optional<double> node_busy_;
  std::optional<std::pair<Usec, std::uint64_t>> node_before_;  // when, usage_usec
  std::size_t left_out_ = 0;
};

}  // namespace cgwarden::agent
