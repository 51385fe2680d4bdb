#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "agent/adapt_claims.h"
#include "agent/adapt_cpu.h"
#include "agent/adapt_decision.h"
#include "agent/adapt_kill.h"
#include "agent/adapt_memory.h"
#include "agent/adapt_oom.h"
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
    // For kill rules, as KillSources has them.
    std::function<std::optional<Bytes>(const std::string& path)> swap_current;
    std::function<policy::adapt::KillPreference(const std::string& path,
                                                const std::string& watched)>
        kill_preference;
  };
  explicit Adaptation(Sources sources);

  // Fills in Policy::adapted. Decisions that change something, would in mode plan, or are refused
  // for another reason than the last one, in the order of the cgroups' paths.
  [[nodiscard]] std::vector<AdaptDecision> tick(const cgroup::Snapshot& snapshot,
                                                std::vector<policy::Policy>& policies);
  // What of one of cpu_loops() was read between two ticks: cpu.stat, cpu.max and cpu.max.burst, and
  // cpu.pressure where it is known.
  struct CpuLook {
    const cgroup::Sample* sample;
    TimePoint at;
  };
  // `policies`: those of the last tick, with what it has filled in.
  [[nodiscard]] std::vector<AdaptDecision> look(std::span<const CpuLook> looks,
                                                std::vector<policy::Policy>& policies);
  // Those that may look between two ticks: what they want is written at once, which is not so in
  // mode plan and where systemd writes.
  struct CpuLoop {
    CgroupId id;
    std::string path;
    bool operator==(const CpuLoop&) const = default;
  };
  [[nodiscard]] std::vector<CpuLoop> cpu_loops() const;
  // Cgroups with a loop in the last tick, and those left without one by limits::kAdaptedCgroups.
  [[nodiscard]] std::size_t cgroups() const { return loops_.size(); }
  [[nodiscard]] std::size_t left_out() const { return left_out_; }
  // Cgroups that time_to_oom warned of in the last tick, and the nearest end of them.
  struct Forecasts {
    std::size_t cgroups = 0;
    std::optional<Usec> nearest = {};
  };
  [[nodiscard]] Forecasts forecasts() const;
  [[nodiscard]] bool warns_of(CgroupId id) const {
    const auto known = loops_.find(id);
    return known != loops_.end() && known->second.time_to_oom &&
           known->second.time_to_oom->warned_in();
  }

 private:
  struct Loops {
    std::optional<AdaptCpu> cpu;
    std::optional<AdaptMemoryHigh> memory_high;
    std::optional<AdaptStall> stall;
    std::optional<AdaptTimeToOom> time_to_oom;
    std::string path = {};
    std::size_t cpu_place = 0;  // of its policy
    bool looked = false;        // the cpu loop, since the last tick
    bool outdated = false;      // the cpu loop: the policy has changed since its last look
  };
  void run_cpu(Loops& loops, std::optional<std::size_t> place, bool unit, const AdaptLook& look,
               const std::vector<policy::Policy>& policies);
  void decided(AdaptDecision decision, const policy::Policy& policy, const cgroup::Sample& sample,
               bool planned);
  // One tick of one kind of loop on one cgroup.
  template <typename Loop>
  void run(std::optional<Loop>& loop, const typename Loop::How& how, std::size_t place,
           const AdaptLook& look, const std::vector<policy::Policy>& policies);
  void run_all(const cgroup::Sample& sample, const AdaptClaims& claims, bool unit,
               const cgroup::Snapshot& snapshot, const std::vector<policy::Policy>& policies);
  void begin_tick(const cgroup::Snapshot& snapshot, std::size_t policies);
  // Drops the loops of policies that may not write this cgroup, and says so once.
  void drop_refused(const cgroup::Sample& sample, const policy::Access& access,
                    const std::vector<policy::Policy>& policies, AdaptClaims& claims);
  // A kill that must not be becomes a notice that says why.
  void spare_protected(const cgroup::Snapshot& snapshot);
  // memory.stat of now, read once in a tick.
  [[nodiscard]] const std::optional<cgroup::MemoryStat>& stat_of(const std::string& path);
  [[nodiscard]] bool may_swap(const cgroup::Sample& sample) const;
  [[nodiscard]] std::vector<policy::adapt::MemoryBound> bounds_of(const cgroup::Sample& sample,
                                                                  const cgroup::Snapshot& snapshot);
  [[nodiscard]] std::optional<double> busy_share(const cgroup::Snapshot& snapshot);

  Sources sources_;
  std::map<CgroupId, Loops> loops_;
  std::map<CgroupId, std::string> refused_;  // said, and why
  AdaptKills kills_;
  // While a tick runs.
  std::map<CgroupId, Loops> next_;
  std::map<CgroupId, std::string> next_refused_;
  std::vector<policy::AdaptedValues> values_;  // by place of the policy
  std::vector<AdaptDecision> decisions_;
  AdaptKills::Watched watched_;
  std::map<std::string, std::optional<cgroup::MemoryStat>> stats_;
  std::optional<double> node_busy_;
  std::optional<std::pair<Usec, std::uint64_t>> node_before_;  // when, usage_usec
  std::size_t left_out_ = 0;
};

}  // namespace cgwarden::agent
