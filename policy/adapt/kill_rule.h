#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/adapt/kill_candidate.h"

namespace cgwarden::policy::adapt {

struct KillRule {
  double full = 60;          // of the time in which all tasks waited, percent: more than this
  Usec lasting{10'000'000};  // without a break
  KillBy by = KillBy::size_or_growth;
  bool dry_run = false;        // decides and counts, but nothing is to be killed
  Usec cool_down{15'000'000};  // after each kill of this rule
  std::size_t budget = 1;      // kills in `budget_time`
  Usec budget_time{3'600'000'000};
  bool operator==(const KillRule&) const = default;
};

// A cgroup that the rule watches, with what is below it. Percentages of memory.pressure full; the
// kernel's average of ten seconds knows of a beginning and of an end some seconds late, but has no
// gap between two waits.
struct KillTarget {
  CgroupId id;
  std::string path;
  std::optional<double> full_avg10;  // absent: no PSI
  std::optional<double> full_now;    // of the last two seconds; absent: not known
  // Asked for when somebody may be killed.
  std::function<std::vector<KillCandidate>()> candidates;
};

enum class KillReason : std::uint8_t {
  killed,   // or would have been: dry_run
  not_yet,  // not for long enough
  easing,   // the average says so still, the last two seconds do not
  cooling_down,
  over_budget,
  no_candidate,  // each was refused; `considered` says why
};
[[nodiscard]] std::string_view to_string(KillReason reason);

// Why somebody is to be killed, or nobody, with what it was made from.
struct KillDecision {
  KillReason reason = KillReason::not_yet;
  bool dry_run = false;
  std::string target;  // the watched cgroup that it is about
  CgroupId target_id;
  std::optional<double> full_avg10;
  std::optional<double> full_now;
  Usec for_so_long{0};
  std::optional<KillCandidate> victim;
  std::vector<RankedCandidate> considered;  // of killed and no_candidate
};

// One rule over the cgroups that it watches. The time for which pressure lasts is that of one
// cgroup instance (inode): cgroups that take turns, and a new one under the path of an old one, do
// not count for each other. It does not wait for reclaim: a cgroup that hangs at memory.high
// without swap reclaims nothing (stall_guard.h). Thread rule: one thread per object.
class KillRuleState {
 public:
  explicit KillRuleState(const KillRule& rule) : rule_(rule) {}
  // All that is watched now; what is left out is gone, and its time with it. Of each that is over
  // the threshold, the longest first; after one that is to be killed nothing more.
  [[nodiscard]] std::vector<KillDecision> tick(Usec now, std::span<const KillTarget> targets);
  // Another rule has killed something in `target`, or one that holds it: it takes time to show.
  void killed_elsewhere(Usec now) { elsewhere_ = now; }
  [[nodiscard]] std::size_t timers() const { return since_.size(); }

 private:
  void time_pressure(Usec now, std::span<const KillTarget> targets);
  [[nodiscard]] bool holds(const KillTarget& target) const;
  [[nodiscard]] bool holds_now(const KillTarget& target) const;
  [[nodiscard]] KillDecision look_at(Usec now, const KillTarget& target);
  [[nodiscard]] bool is_cooling(Usec now) const;

  KillRule rule_;
  std::map<CgroupId, Usec> since_;
  std::deque<Usec> kills_;  // of budget_time
  std::optional<Usec> elsewhere_;
};

}  // namespace cgwarden::policy::adapt
