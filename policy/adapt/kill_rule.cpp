#include "policy/adapt/kill_rule.h"

#include <algorithm>
#include <array>

namespace cgwarden::policy::adapt {

std::string_view to_string(KillReason reason) {
  static constexpr std::array<std::string_view, 6> kNames{
      "killed", "no_pressure", "not_yet", "cooling_down", "over_budget", "no_candidate"};
  return kNames.at(static_cast<std::size_t>(reason));
}

bool KillRuleState::holds(const KillTarget& target) const {
  return target.full_avg10 && *target.full_avg10 > rule_.full_avg10;
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

KillDecision KillRuleState::tick(Usec now, std::span<const KillTarget> targets) {
  time_pressure(now, targets);
  while (!kills_.empty() && now - kills_.front() >= rule_.budget_time) kills_.pop_front();
  std::vector<const KillTarget*> pressed;
  for (const KillTarget& target : targets) {
    if (holds(target)) pressed.push_back(&target);
  }
  // The longest first; one without a victim does not keep the next from being looked at.
  std::ranges::stable_sort(pressed, {}, [&](const KillTarget* t) { return since_.at(t->id); });
  KillDecision decision;
  decision.dry_run = rule_.dry_run;
  for (const KillTarget* target : pressed) {
    KillDecision about;
    about.dry_run = rule_.dry_run;
    about.target = target->path;
    about.full_avg10 = *target->full_avg10;
    about.for_so_long = now - since_.at(target->id);
    about.considered = rank(target->candidates, rule_.by);
    if (about.for_so_long < rule_.lasting) {
      about.reason = KillReason::not_yet;
    } else if (!kills_.empty() && now - kills_.back() < rule_.cool_down) {
      about.reason = KillReason::cooling_down;
    } else if (kills_.size() >= rule_.budget) {
      about.reason = KillReason::over_budget;
    } else if (about.considered.empty() || about.considered.front().refused) {
      about.reason = KillReason::no_candidate;
    } else {
      about.reason = KillReason::killed;
      about.victim = about.considered.front().candidate;
      kills_.push_back(now);
      // What the kill frees takes time to show in avg10: it must last again.
      since_.erase(target->id);
      return about;
    }
    if (decision.reason == KillReason::no_pressure) decision = std::move(about);
  }
  return decision;
}

}  // namespace cgwarden::policy::adapt
