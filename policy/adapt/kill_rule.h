#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/adapt/kill_candidate.h"

namespace cgwarden::policy::adapt {

struct KillRule {
  std::string name;
  double full_avg10 = 60;    // memory.pressure, full, percent: more than this
  Usec lasting{30'000'000};  // without a break
  KillBy by = KillBy::size_or_growth;
  bool dry_run = false;        // decides and counts, but nothing is to be killed
  Usec cool_down{15'000'000};  // after each kill of this rule
  std::size_t budget = 10;     // kills in `budget_time`
  Usec budget_time{3'600'000'000};
};

// A cgroup that the rule watches, with what is below it.
struct KillTarget {
  CgroupId id;
  std::string path;
  std::optional<double> full_avg10;  // absent: no PSI
  std::vector<KillCandidate> candidates;
};

enum class KillReason : std::uint8_t {
  killed,       // or would have been: dry_run
  no_pressure,  // of nothing that is watched
  not_yet,      // not for long enough
  cooling_down,
  over_budget,
  no_candidate,  // each was refused; `considered` says why
};
[[nodiscard]] std::string_view to_string(KillReason reason);

// Why somebody is to be killed, or nobody, with what it was made from.
struct KillDecision {
  KillReason reason = KillReason::no_pressure;
  bool dry_run = false;
  std::string target;  // the watched cgroup that it is about; empty: none
  double full_avg10 = 0;
  Usec for_so_long{0};
  std::optional<KillCandidate> victim;
  std::vector<RankedCandidate> considered;
};

// One rule over the cgroups that it watches. The time for which pressure lasts is that of one
// cgroup instance (inode): cgroups that take turns, and a new one under the path of an old one, do
// not count for each other. It does not wait for reclaim: a cgroup that hangs at memory.high
// without swap reclaims nothing (stall_guard.h). Thread rule: one thread per object.
class KillRuleState {
 public:
  explicit KillRuleState(KillRule rule) : rule_(std::move(rule)) {}
  // All that is watched now; what is left out is gone, and its time with it.
  [[nodiscard]] KillDecision tick(Usec now, std::span<const KillTarget> targets);
  [[nodiscard]] std::size_t timers() const { return since_.size(); }

 private:
  void time_pressure(Usec now, std::span<const KillTarget> targets);
  [[nodiscard]] bool holds(const KillTarget& target) const;

  KillRule rule_;
  std::map<CgroupId, Usec> since_;
  std::deque<Usec> kills_;  // of budget_time
};

}  // namespace cgwarden::policy::adapt
