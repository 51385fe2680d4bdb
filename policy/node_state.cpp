#include "policy/node_state.h"

#include <algorithm>

#include "policy/device_knobs.h"
#include "policy/percentage.h"

namespace cgwarden::policy {
namespace {

std::optional<KnobValue> value_now(const cgroup::Sample& sample, std::string_view file) {
  const auto knob = std::ranges::find(knobs(), file, &Knob::file);
  return knob == knobs().end() ? std::nullopt : knob->current(sample);
}

}  // namespace

const Decision* CgroupState::decided(std::string_view file) const {
  const auto found = decisions.find(file);
  return found == decisions.end() || !found->second.known() ? nullptr : &found->second;
}

std::optional<std::uint64_t> CgroupState::after(std::string_view file) const {
  if (const Decision* decision = decided(file)) return decision->value.amount;
  return now(file);
}

std::optional<std::uint64_t> CgroupState::now(std::string_view file) const {
  const auto value = value_now(*sample, file);
  if (!value) return std::nullopt;
  return value->amount;
}

std::optional<std::string> CgroupState::text_after(std::string_view file) const {
  if (const Decision* decision = decided(file)) return decision->value.text;
  const auto value = value_now(*sample, file);
  if (!value) return std::nullopt;
  return value->text;
}

NodeState::NodeState(const cgroup::Snapshot& snapshot, const std::vector<Policy>& given,
                     const NodeFacts& facts)
    : numbered_(with_device_numbers(given, facts)) {
  const std::vector<Policy>& policies = numbered_ ? *numbered_ : given;
  std::vector<const Policy*> ordered;
  for (const Policy& policy : policies) ordered.push_back(&policy);
  sort_by_precedence(ordered);
  PercentageBases bases(snapshot, facts);
  std::map<std::string_view, CgroupState*> by_path;
  for (const cgroup::Sample& sample : snapshot.samples()) {
    CgroupState& state = cgroups_.emplace_back();
    state.sample = &sample;
    const auto parent = by_path.find(cgroup::parent_path(sample.path));
    if (parent != by_path.end()) {
      state.parent = parent->second;
      parent->second->children.push_back(&state);
    }
    by_path.emplace(sample.path, &state);
    for (const Policy* policy : ordered) {
      if (!applies_to(*policy, sample.path)) continue;
      if (!policy->resources.percentages.empty()) {
        policy = &resolved_.emplace_back(bases.resolve(*policy, sample));
      }
      state.matching.push_back(policy);
    }
    state.decisions = decide(state.matching);
    bases.note(sample, state.decisions);
  }
}

}  // namespace cgwarden::policy
