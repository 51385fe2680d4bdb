#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/adapt_decision.h"
#include "agent/kill_candidates.h"
#include "cgroup/snapshot.h"
#include "policy/adapt/kill_rule.h"
#include "policy/policy.h"

namespace cgwarden::agent {

// The kill rules of policies, each over all cgroups that it watches: what presses is measured per
// cgroup instance, cool-down and budget are the rule's. A rule keeps both while its policy stands,
// also over reloads of others. Decides, and kills nothing.
class AdaptKills {
 public:
  // Its averages are its own.
  explicit AdaptKills(KillSources sources);
  AdaptKills(const AdaptKills&) = delete;
  AdaptKills& operator=(const AdaptKills&) = delete;

  // What is watched now, by place of the policy; the samples are those of the snapshot.
  using Watched = std::vector<std::pair<std::size_t, const cgroup::Sample*>>;
  // Kills, and reasons for none when they are new, by rule.
  [[nodiscard]] std::vector<AdaptDecision> tick(const cgroup::Snapshot& snapshot,
                                                const std::vector<policy::Policy>& policies,
                                                const Watched& watched);

 private:
  // memory.pressure full of the last two seconds.
  struct Look {
    std::deque<std::pair<Usec, std::uint64_t>> totals;  // when, total_usec
    [[nodiscard]] std::optional<double> share(Usec now, std::uint64_t total_usec);
  };
  struct Average {
    double bytes = 0;
    Usec at{0};
  };
  struct Rule {
    explicit Rule(const policy::adapt::KillRule& given) : how(given), state(given) {}
    policy::adapt::KillRule how;
    policy::adapt::KillRuleState state;
    std::map<CgroupId, policy::adapt::KillReason> told;  // why nobody was killed, by target
  };

  [[nodiscard]] policy::adapt::KillTarget target_of(const cgroup::Snapshot& snapshot,
                                                    const cgroup::Sample& sample);
  void average(const cgroup::Snapshot& snapshot, const Watched& watched);
  void run(Rule& rule, const std::string& name, Usec now,
           const std::vector<policy::adapt::KillTarget>& targets,
           std::vector<AdaptDecision>& decisions);
  void tell_others(const Rule& killer, Usec now);

  KillSources sources_;
  std::map<std::string, Rule> rules_;  // by name of the policy
  std::map<CgroupId, Look> looks_;
  std::map<CgroupId, Average> averages_;
};

}  // namespace cgwarden::agent
