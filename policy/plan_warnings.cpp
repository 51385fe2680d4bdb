#include "policy/plan_warnings.h"

#include <fmt/format.h>

#include <algorithm>
#include <variant>

#include "policy/limit_order.h"
#include "policy/match.h"

namespace cgwarden::policy {
namespace {

const Decision* find(const Decisions& decisions, std::string_view file) {
  const auto found = decisions.find(file);
  return found == decisions.end() ? nullptr : &found->second;
}

// The limit that would be in force: the decided one, else that of the sample.
std::optional<LimitOf<Bytes>> limit_after(const Decisions& decisions, std::string_view file,
                                          std::optional<LimitOf<Bytes>> Resources::* member,
                                          const std::optional<LimitOf<Bytes>>& current) {
  const Decision* decision = find(decisions, file);
  return decision == nullptr ? current : decision->winner->resources.*member;
}

MemoryLimits limits_after(const Decisions& decisions, const cgroup::Sample& sample) {
  return {limit_after(decisions, "memory.min", &Resources::memory_min, sample.memory_min),
          limit_after(decisions, "memory.low", &Resources::memory_low, sample.memory_low),
          limit_after(decisions, "memory.high", &Resources::memory_high, sample.memory_high),
          limit_after(decisions, "memory.max", &Resources::memory_max, sample.memory_max),
          limit_after(decisions, "memory.swap.max", &Resources::memory_swap_max,
                      sample.memory_swap_max)};
}

}  // namespace

PlanWarnings::PlanWarnings(const std::vector<Policy>& policies) {
  for (const Policy& policy : policies) {
    matches_.push_back({&policy, std::vector<std::size_t>(policy.cgroups.size(), 0), 0});
  }
}

bool PlanWarnings::note_match(const Policy& policy, std::string_view path) {
  const auto entry = std::ranges::find(matches_, &policy, &Matches::policy);
  if (!policy.selector.empty()) {
    const bool selected = applies_to(policy, path);
    if (selected) ++entry->selected;
    return selected;
  }
  bool matched = false;
  for (std::size_t i = 0; i < policy.cgroups.size(); ++i) {
    if (!glob_matches(policy.cgroups[i], path)) continue;
    ++entry->counts[i];
    matched = true;
  }
  return matched;
}

void PlanWarnings::add(const Decision& decision, const std::string& sentence,
                       const std::string& cgroup, std::string_view rule) {
  const auto [entry, is_new] = seen_.try_emplace(
      {decision.winner->name, sentence}, Seen{decision.position(), cgroup, 0, std::string(rule)});
  if (!is_new) ++entry->second.others;
}

void PlanWarnings::note_decisions(const cgroup::Sample& sample, const Decisions& decisions) {
  for (const LimitConflict& conflict : find_limit_conflicts(limits_after(decisions, sample))) {
    const Decision* decision = find(decisions, conflict.file);
    if (decision == nullptr) decision = find(decisions, conflict.other);
    // Both in force already, and nobody here wanted either.
    if (decision != nullptr) add(*decision, conflict.sentence, sample.path, conflict.rule);
  }
  const Decision* max = find(decisions, "memory.max");
  if (max == nullptr || !sample.memory_current || !sample.memory_max || !max->known()) return;
  const auto& limit = *max->winner->resources.memory_max;
  if (is_max(limit) || *sample.memory_max == limit) return;
  if (std::get<Bytes>(limit) < *sample.memory_current) {
    add(*max,
        "memory.max is below the memory in use: the kernel reclaims, and kills at once if that is "
        "not enough",
        sample.path, "L20");
  }
}

std::vector<Diagnostic> PlanWarnings::take() {
  std::vector<Diagnostic> warnings;
  for (const Matches& entry : matches_) {
    if (!entry.policy->selector.empty()) {
      if (entry.selected > 0) continue;
      warnings.push_back({Severity::warning, entry.policy->position,
                          fmt::format("policy {}: {} select no cgroup", entry.policy->name,
                                      describe_match(*entry.policy)),
                          "", "", "L41"});
      continue;
    }
    for (std::size_t i = 0; i < entry.counts.size(); ++i) {
      if (entry.counts[i] > 0) continue;
      warnings.push_back({Severity::warning, entry.policy->position,
                          fmt::format("policy {}: {} matches no cgroup", entry.policy->name,
                                      entry.policy->cgroups[i]),
                          "", "", "L41"});
    }
  }
  for (const auto& [key, seen] : seen_) {
    std::string where = seen.first_cgroup;
    if (seen.others > 0) where += fmt::format(" and {} more", seen.others);
    warnings.push_back({Severity::warning, seen.position,
                        fmt::format("policy {}, {}: {}", key.first, where, key.second), "", "",
                        seen.rule});
  }
  return warnings;
}

}  // namespace cgwarden::policy
