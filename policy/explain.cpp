#include "policy/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "policy/device_knobs.h"
#include "policy/effective.h"
#include "policy/kernel_default.h"
#include "policy/node_state.h"
#include "policy/protection.h"
#include "policy/unit_value.h"

namespace cgwarden::policy {
namespace {

bool is_workloads(const std::string& policy) { return policy.starts_with("workload/"); }

Claim claim_of(const Policy& policy, const Knob& knob) {
  Claim claim{policy.name, policy.position, policy.priority, policy.mode, ""};
  claim.loop = has_loop(policy, knob.file);
  if (claim.loop) {
    claim.position =
        knob.file == "memory.high" ? policy.adapt.memory_high_position : policy.adapt.cpu_position;
  }
  const auto position = policy.resources.positions.find(std::string(knob.file));
  if (position != policy.resources.positions.end()) claim.position = position->second;
  if (const auto wanted = knob.wanted(policy.resources)) claim.value = wanted->text;
  return claim;
}

SetBy setter_of(const KnobExplanation& knob) {
  if (knob.original && is_ours(*knob.original, knob.now, knob.now)) {
    return knob.original->keeper == Keeper::agent ? SetBy::agent : SetBy::apply;
  }
  if (knob.winner && is_workloads(knob.winner->policy) && knob.winner->value == knob.now) {
    return SetBy::workload;
  }
  return kernel_default(knob.file) == knob.now ? SetBy::nobody : SetBy::other;
}

std::string pending_of(const KnobExplanation& knob, const Access& access, const Policy& winner) {
  const bool refused = !access.refusal.empty() && !(access.adoptable && winner.adopt);
  if (knob.winner->loop) return refused ? "not written: " + access.refusal : "";
  if (knob.winner->value.empty()) return "what it counts from, or its device, is not known here";
  if (knob.winner->value == knob.now) return {};
  if (refused) return "not written: " + access.refusal;
  if (knob.file == "cgroup.freeze" && knob.winner->value == "1" && !access.holds.empty()) {
    return "not written: " + holding_text(access.holds);
  }
  if (access.through == Through::systemd) {
    const auto value = value_through_systemd(knob.file, knob.winner->value);
    if (!value && winner.allow_unmanaged_knobs) {
      return "to be written: " + with_meaning(knob.file, knob.winner->value);
    }
    if (!value) {
      return "not written: the cgroup is systemd's, which has no property for it; "
             "allowUnmanagedKnobs writes it all the same";
    }
    if (*value == knob.now) return {};
    return "to be written by way of systemd: " + with_meaning(knob.file, *value);
  }
  return "to be written: " + with_meaning(knob.file, knob.winner->value);
}

std::string owner_text(const Access& access) {
  if (!access.refusal.empty()) return access.refusal;
  return access.through == Through::systemd ? "systemd, which is asked to set its properties"
                                            : "cgwarden";
}

bool is_of(const Original& entry, const cgroup::Sample& sample) {
  const std::string unit = entry.key().unit;
  return unit.empty() ? entry.id == sample.id : entry.cgroup == sample.path;
}

const CgroupState* find_state(const NodeState& state, const std::string& path) {
  const auto found = std::ranges::lower_bound(
      state.cgroups(), path, {}, [](const CgroupState& cgroup) { return cgroup.sample->path; });
  return found == state.cgroups().end() || found->sample->path != path ? nullptr : &*found;
}

KnobExplanation explain_knob(const Knob& knob, const KnobValue& current, const CgroupState& wanted,
                             const std::vector<Original>& originals, const Access& access) {
  KnobExplanation made;
  made.file = knob.file;
  made.now = current.text;
  const Policy* winner = nullptr;
  for (const Policy* policy : wanted.matching) {
    const bool says = knob.wanted(policy->resources) || has_loop(*policy, knob.file) ||
                      policy->resources.percentages.contains(knob.file);
    if (!says) continue;
    made.claims.push_back(claim_of(*policy, knob));
    if (winner == nullptr && policy->mode == Mode::enforce) {
      winner = policy;
      made.winner = made.claims.back();
    }
  }
  for (const Original& entry : originals) {
    if (entry.file == knob.file && is_of(entry, *wanted.sample)) made.original = entry;
  }
  const std::string& like = made.winner     ? made.winner->value
                            : made.original ? made.original->ours
                                            : made.now;
  made.now = as_wanted(knob.file, like, made.now);
  made.set_by = setter_of(made);
  if (winner != nullptr) made.pending = pending_of(made, access, *winner);
  return made;
}

}  // namespace

std::optional<Explanation> explain(const std::string& cgroup, const cgroup::Snapshot& snapshot,
                                   const std::vector<Policy>& policies,
                                   const std::vector<Original>& originals, const Access& access,
                                   const NodeFacts& facts) {
  const NodeState wanted(snapshot, policies, facts);
  const NodeState now(snapshot, {}, facts);
  const CgroupState* of_policies = find_state(wanted, cgroup);
  const CgroupState* as_it_is = find_state(now, cgroup);
  if (of_policies == nullptr || as_it_is == nullptr) return std::nullopt;
  Explanation made{cgroup, of_policies->sample->id, owner_text(access), {}};
  for (const Knob& knob : knobs()) {
    const auto current = knob.current(*of_policies->sample);
    if (!current) continue;
    auto explained = explain_knob(knob, *current, *of_policies, originals, access);
    explained.effective = effective_of(*as_it_is, knob.file, facts);
    made.knobs.push_back(std::move(explained));
  }
  return made;
}

}  // namespace cgwarden::policy
