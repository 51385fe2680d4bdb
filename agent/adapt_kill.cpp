#include "agent/adapt_kill.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>

#include "agent/adapt_pace.h"

namespace cgwarden::agent {
namespace {

using policy::adapt::KillReason;
using policy::adapt::KillRule;
using policy::adapt::KillTarget;

// A share of a shorter time is mostly of one reclaim.
constexpr Usec kLookBack{2'000'000};
// oomd: avg * 3/4 + current / 4 at each of its ticks of 5 s.
constexpr double kAverageKept = 0.75;
constexpr double kAverageUsec = 5e6;

KillRule rule_of(const policy::Policy& policy) {
  KillRule rule = *policy.adapt.kill;
  rule.dry_run = policy.mode == policy::Mode::plan;
  return rule;
}

bool is_told(KillReason reason) { return reason != KillReason::not_yet; }

}  // namespace

AdaptKills::AdaptKills(KillSources sources) : sources_(std::move(sources)) {
  sources_.average = [this](CgroupId id) {
    const auto known = averages_.find(id);
    const double bytes = known == averages_.end() ? 0 : known->second.bytes;
    return Bytes{static_cast<std::uint64_t>(bytes)};
  };
}

std::optional<double> AdaptKills::Look::share(Usec now, std::uint64_t total_usec) {
  const bool broken = !totals.empty() && (now <= totals.back().first ||
                                          now - totals.back().first > adapt_pace::kLongest ||
                                          total_usec < totals.back().second);
  if (broken) totals.clear();
  while (totals.size() > 1 && now - totals[1].first >= kLookBack) totals.pop_front();
  std::optional<double> share;
  if (!totals.empty()) {
    share = 100.0 * static_cast<double>(total_usec - totals.front().second) /
            static_cast<double>((now - totals.front().first).count());
  }
  totals.emplace_back(now, total_usec);
  return share;
}

KillTarget AdaptKills::target_of(const cgroup::Snapshot& snapshot, const cgroup::Sample& sample) {
  KillTarget target{sample.id, sample.path, {}, {}, {}};
  if (const auto& pressure = sample.memory_pressure; pressure && pressure->full) {
    target.full_avg10 = pressure->full->avg10;
    target.full_now =
        looks_[sample.id].share(snapshot.taken().boottime, pressure->full->total_usec);
  }
  target.candidates = [this, &snapshot, &sample] {
    return kill_candidates(snapshot, sample, sources_);
  };
  return target;
}

// Of all that could be killed: who grows is known only by what it was.
void AdaptKills::average(const cgroup::Snapshot& snapshot, const Watched& watched) {
  std::map<CgroupId, Average> next;
  std::set<std::string_view> tops;
  for (const auto& [place, sample] : watched) tops.insert(sample->path);
  const auto is_below = [&](std::string_view path) {
    while (!path.empty() && !tops.contains(path)) path = cgroup::parent_path(path);
    return !path.empty();
  };
  const Usec now = snapshot.taken().boottime;
  for (const auto& sample : snapshot.samples()) {
    if (tops.empty() || !sample.memory_current || !is_below(sample.path)) continue;
    const auto current = static_cast<double>(sample.memory_current->value);
    Average made{current, now};
    if (const auto known = averages_.find(sample.id); known != averages_.end()) {
      const auto passed = static_cast<double>((now - std::min(now, known->second.at)).count());
      const double kept = std::pow(kAverageKept, passed / kAverageUsec);
      made.bytes = known->second.bytes * kept + current * (1 - kept);
    }
    next.emplace(sample.id, made);
  }
  averages_ = std::move(next);
}

// What one rule has killed is what another one waits for.
void AdaptKills::tell_others(const Rule& killer, Usec now) {
  if (killer.how.dry_run) return;
  for (auto& [name, rule] : rules_) {
    if (&rule != &killer) rule.state.killed_elsewhere(now);
  }
}

void AdaptKills::run(Rule& rule, const std::string& name, Usec now,
                     const std::vector<KillTarget>& targets,
                     std::vector<AdaptDecision>& decisions) {
  std::map<CgroupId, KillReason> told;
  for (const auto& decision : rule.state.tick(now, targets)) {
    if (!is_told(decision.reason)) continue;
    const auto before = rule.told.find(decision.target_id);
    const bool known = before != rule.told.end() && before->second == decision.reason;
    const bool kills = decision.reason == KillReason::killed;
    if (!kills) told.emplace(decision.target_id, decision.reason);
    if (known && !kills) continue;
    decisions.push_back(describe(decision, rule.how));
    decisions.back().policy = name;
    if (kills) tell_others(rule, now);
  }
  rule.told = std::move(told);
}

std::vector<AdaptDecision> AdaptKills::tick(const cgroup::Snapshot& snapshot,
                                            const std::vector<policy::Policy>& policies,
                                            const Watched& watched) {
  average(snapshot, watched);
  std::set<std::string> stand;
  for (const auto& policy : policies) {
    if (!policy.adapt.kill) continue;
    stand.insert(policy.name);
    const KillRule how = rule_of(policy);
    const auto known = rules_.find(policy.name);
    if (known != rules_.end() && known->second.how == how) continue;
    rules_.erase(policy.name);
    rules_.emplace(policy.name, Rule(how));
  }
  std::erase_if(rules_, [&](const auto& rule) { return !stand.contains(rule.first); });
  std::set<CgroupId> present;
  for (const auto& [place, sample] : watched) present.insert(sample->id);
  std::erase_if(looks_, [&](const auto& look) { return !present.contains(look.first); });
  std::map<std::size_t, std::vector<KillTarget>> targets;
  for (const auto& [place, sample] : watched) {
    targets[place].push_back(target_of(snapshot, *sample));
  }
  std::vector<AdaptDecision> decisions;
  for (std::size_t place = 0; place < policies.size(); ++place) {
    const auto rule = rules_.find(policies[place].name);
    if (rule == rules_.end() || !policies[place].adapt.kill) continue;
    run(rule->second, rule->first, snapshot.taken().boottime, targets[place], decisions);
  }
  return decisions;
}

}  // namespace cgwarden::agent
