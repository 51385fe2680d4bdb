#include "policy/adapt/kill_rule.h"

#include <algorithm>
#include <array>

namespace cgwarden::policy::adapt {

std::string_view to_string(KillReason reason) {
  static constexpr std::array<std::string_view, 6> kNames{
      "killed", "not_yet", "easing", "cooling_down", "over_budget", "no_candidate"};
  return kNames.at(static_cast<std::size_t>(reason));
}

bool KillRuleState::holds_now(const KillTarget& target) const {
  return (target.full_now ? target.full_now : target.full_avg10).value_or(0) > rule_.full;
}

bool KillRuleState::holds(const KillTarget& target) const {
  return holds_now(target) || target.full_avg10.value_or(0) > rule_.full;
}

void KillRuleState::time_pressure(Usec now, std::span<const KillTarget> targets) {
  std::map<CgroupId, Usec> still;
  for (const KillTarget& target : targets) {
    if (!holds(target)) continue;
    const auto known = since_.find(target.id);
    still.emplace(target.id, known == since_.end() ? now : known->second);
  }
  since_ = std::move(still);
}

bool KillRuleState::is_cooling(Usec now) const {
  const bool own = !kills_.empty() && now - kills_.back() < rule_.cool_down;
  return own || (elsewhere_ && now - *elsewhere_ < rule_.cool_down);
}

KillDecision KillRuleState::look_at(Usec now, const KillTarget& target) {
  KillDecision about;
  about.dry_run = rule_.dry_run;
  about.target = target.path;
  about.target_id = target.id;
  about.full_avg10 = target.full_avg10;
  about.full_now = target.full_now;
  about.for_so_long = now - since_.at(target.id);
  if (about.for_so_long < rule_.lasting) {
    about.reason = KillReason::not_yet;
  } else if (!holds_now(target)) {
    about.reason = KillReason::easing;
  } else if (is_cooling(now)) {
    about.reason = KillReason::cooling_down;
  } else if (kills_.size() >= rule_.budget) {
    about.reason = KillReason::over_budget;
  } else {
    about.considered = rank(target.candidates(), rule_.by);
    if (about.considered.empty() || about.considered.front().refused) {
      about.reason = KillReason::no_candidate;
      return about;
    }
    about.reason = KillReason::killed;
    about.victim = about.considered.front().candidate;
    kills_.push_back(now);
    // What the kill frees takes time to show: it must last again.
    since_.erase(target.id);
  }
  return about;
}

std::vector<KillDecision> KillRuleState::tick(Usec now, std::span<const KillTarget> targets) {
  time_pressure(now, targets);
  while (!kills_.empty() && now - kills_.front() >= rule_.budget_time) kills_.pop_front();
  std::vector<const KillTarget*> pressed;
  for (const KillTarget& target : targets) {
    if (holds(target)) pressed.push_back(&target);
  }
  // One without a victim does not keep the next from being looked at.
  std::ranges::stable_sort(pressed, {}, [&](const KillTarget* t) { return since_.at(t->id); });
  std::vector<KillDecision> decisions;
  for (const KillTarget* target : pressed) {
    decisions.push_back(look_at(now, *target));
    if (decisions.back().reason == KillReason::killed) break;
  }
  return decisions;
}

}  // namespace cgwarden::policy::adapt
