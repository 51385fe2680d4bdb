// The words for what a kill rule has decided.
#include <fmt/format.h>

#include <algorithm>

#include "agent/adapt_decision.h"

namespace cgwarden::agent {
namespace {

using policy::adapt::KillBy;
using policy::adapt::KillDecision;
using policy::adapt::KillReason;
using policy::adapt::KillRule;
using policy::adapt::RankedCandidate;

// A sentence that people read to its end.
constexpr std::size_t kCandidatesTold = 4;

std::string_view by_text(KillBy by) {
  switch (by) {
    case KillBy::pressure:
      return "pressure";
    case KillBy::swap:
      return "swap";
    case KillBy::size_or_growth:
      break;
  }
  return "size or growth";
}

std::string percent_text(const std::optional<double>& percent) {
  return percent ? fmt::format("{:.0f} %", *percent) : "an unknown share";
}

std::string size_text(const RankedCandidate& ranked, KillBy by) {
  const auto& candidate = ranked.candidate;
  std::string text = human_bytes(candidate.current);
  if (by == KillBy::swap) text += ", " + human_bytes(candidate.swap) + " in swap";
  if (by == KillBy::pressure) {
    text += fmt::format(", waits {:.0f} % of the time", ranked.rank.first);
  }
  if (ranked.rank.preference != 0) text += ranked.rank.preference > 0 ? ", preferred" : ", avoided";
  return text;
}

std::string candidates_text(const KillDecision& decision, KillBy by) {
  std::string text;
  const std::size_t told = std::min(decision.considered.size(), kCandidatesTold);
  for (std::size_t i = 0; i < told; ++i) {
    const RankedCandidate& ranked = decision.considered[i];
    text += (i == 0 ? "" : "; ") + ranked.candidate.path + " (";
    text += ranked.refused ? to_string(*ranked.refused) : size_text(ranked, by);
    text += ")";
  }
  const std::size_t more = decision.considered.size() - told;
  if (more > 0) text += fmt::format("; and {} more", more);
  return text;
}

std::string reason_text(const KillDecision& decision, const KillRule& rule) {
  switch (decision.reason) {
    case KillReason::killed:
      return fmt::format("; of {} candidates by {} it was the first: {}",
                         decision.considered.size(), by_text(rule.by),
                         candidates_text(decision, rule.by));
    case KillReason::no_candidate:
      return decision.considered.empty()
                 ? "; nothing in it can be killed"
                 : "; none of its candidates may be killed: " + candidates_text(decision, rule.by);
    case KillReason::easing:
      return "; it eases";
    case KillReason::cooling_down:
      return "; the last kill has yet to show, for " + human_duration(rule.cool_down);
    case KillReason::over_budget:
      return fmt::format("; {} kills in {} are used up", rule.budget,
                         human_duration(rule.budget_time));
    case KillReason::not_yet:
      break;
  }
  return {};
}

}  // namespace

AdaptDecision describe(const KillDecision& decision, const KillRule& rule) {
  AdaptDecision made{.loop = "kill", .reason = to_string(decision.reason)};
  made.cgroup = decision.target;
  made.id = decision.target_id;
  made.planned = rule.dry_run;
  made.because = fmt::format(
      "all tasks of {} waited for memory in {} of the last 2 s ({} of the last 10 s), "
      "over {:.0f} % for {}{}",
      decision.target, percent_text(decision.full_now), percent_text(decision.full_avg10),
      rule.full, human_duration(decision.for_so_long), reason_text(decision, rule));
  if (decision.full_now) made.numbers["full_thousandths"] = thousandths(*decision.full_now / 100);
  if (decision.full_avg10) {
    made.numbers["full_avg10_thousandths"] = thousandths(*decision.full_avg10 / 100);
  }
  made.numbers["lasted_usec"] = decision.for_so_long.count();
  if (decision.reason != KillReason::killed && decision.reason != KillReason::no_candidate) {
    return made;
  }
  made.numbers["candidates"] = decision.considered.size();
  made.numbers["refused_candidates"] = static_cast<std::uint64_t>(std::ranges::count_if(
      decision.considered, [](const auto& ranked) { return ranked.refused.has_value(); }));
  if (!decision.victim) return made;
  const auto& victim = *decision.victim;
  made.kill = true;
  made.cgroup = victim.path;
  made.id = victim.id;
  made.numbers["anon_bytes"] = victim.anon.value;
  made.numbers["average_bytes"] = victim.average.value;
  made.numbers["current_bytes"] = victim.current.value;
  made.numbers["protection_bytes"] = victim.protection.value;
  made.numbers["swap_bytes"] = victim.swap.value;
  return made;
}

}  // namespace cgwarden::agent
