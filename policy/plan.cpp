#include "policy/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <deque>
#include <utility>

#include "policy/absence.h"
#include "policy/adapted.h"
#include "policy/cpuset_reach.h"
#include "policy/decision.h"
#include "policy/device_knobs.h"
#include "policy/kernel_default.h"
#include "policy/match.h"
#include "policy/percentage.h"
#include "policy/plan_warnings.h"
#include "policy/protection.h"
#include "policy/total_min.h"
#include "policy/unit_value.h"
#include "policy/write_order.h"

namespace cgwarden::policy {
namespace {

// Some 20 us each.
constexpr std::size_t kCgroupsBetweenPauses = 32;

struct Site {
  const cgroup::Sample& sample;
  const cgroup::Snapshot* snapshot;  // null when only the sample is known
  const Ownership& owner_of;
  PlannedCpusets* cpusets = nullptr;  // with the snapshot
};

// Why a decision is not written; nullopt: it may be.
std::optional<Refusal> refusal(const Site& site, const Access& access, const Decision& decision,
                               const std::optional<std::string>& value) {
  if (!access.refusal.empty() && !(access.adoptable && decision.winner->adopt)) {
    return Refusal{access.refusal, access.rule};
  }
  if (!value) {
    return Refusal{fmt::format("the cgroup is systemd's, which has no property for {}; "
                               "allowUnmanagedKnobs writes it all the same",
                               decision.knob->file),
                   ""};
  }
  if (site.snapshot == nullptr) return std::nullopt;
  if (decision.knob->file == "cgroup.freeze" && *value == "1") {
    const auto held = held_protected(*site.snapshot, site.sample.path, site.owner_of);
    if (held) return Refusal{holding_text(*held), "L41"};
  }
  if (site.cpusets == nullptr) return std::nullopt;
  return site.cpusets->refuse(site.sample, decision, decision.winner->mode);
}

// A controller that is off for a unit is turned on by systemd, once a property asks for it: what is
// not there yet is what the kernel begins with.
std::optional<KnobValue> once_turned_on(const Decision& decision, const Access& access,
                                        std::string_view rule) {
  const bool is_off = rule == "L27" || rule == "L28" || rule == "L29";
  if (!is_off || access.through != Through::systemd || !access.refusal.empty() ||
      !value_through_systemd(decision.knob->file, decision.value.text)) {
    return std::nullopt;
  }
  const auto value = kernel_default(decision.knob->file);
  if (!value) return std::nullopt;
  return KnobValue{as_wanted(decision.knob->file, decision.value.text, *value), 0};
}

// systemd knows nothing of the burst, and the kernel refuses it a quota below one: the burst waits
// at 0 until the quota is what it should be (Write::step), and then goes up (Plan::later).
void hold_burst(const cgroup::Sample& sample, const Decisions& decisions, Mode mode,
                std::vector<OrderedWrite>& writes, Plan& plan) {
  const auto decided = decisions.find("cpu.max.burst");
  if (decided == decisions.end() || !decided->second.winner->allow_unmanaged_knobs) return;
  const auto is = [](std::string_view file) {
    return [file](const OrderedWrite& write) { return write.write.file == file; };
  };
  const auto quota = std::ranges::find_if(writes, is("cpu.max"));
  if (quota == writes.end() || quota->write.through != Through::systemd) return;
  const std::uint64_t now = sample.cpu_max_burst.value_or(Usec{0}).count();
  OrderedWrite burst;
  if (const auto own = std::ranges::find_if(writes, is("cpu.max.burst")); own != writes.end()) {
    burst = *own;
    writes.erase(own);
  } else {
    // It is as the policy wants it, and would be in the way of the quota.
    const Decision& decision = decided->second;
    if (now == 0 || decision.winner->mode != mode || decision.value.text != std::to_string(now)) {
      return;
    }
    std::erase_if(plan.held, [&](const Held& held) {
      return held.id == sample.id && held.file == "cpu.max.burst";
    });
    burst.write = {sample.path,         sample.id,
                   "cpu.max.burst",     std::to_string(now),
                   decision.value.text, decision.winner->name,
                   decision.position(), mode,
                   decision.losers,     decision.winner->drift};
    burst.old_amount = now;
  }
  const bool comes_back = burst.write.new_value != "0";
  if (comes_back) {
    Write& later = plan.later.emplace_back(burst.write);
    later.old_value = "0";
  }
  if (now == 0) {
    if (mode == Mode::enforce) plan.held.push_back({sample.id, "cpu.max.burst", "0"});
    return;
  }
  burst.write.step = comes_back;
  burst.write.new_value = "0";
  burst.new_amount = 0;
  writes.push_back(std::move(burst));
}

// Appends what the winners of one mode want of one cgroup.
void plan_cgroup(const Site& site, const Decisions& decisions, Mode mode, Plan& plan) {
  const cgroup::Sample& sample = site.sample;
  const auto refused = find_refused(decisions, sample);
  std::vector<OrderedWrite> writes;
  const auto skip = [&](const Decision& decision, std::string reason, std::string_view rule) {
    plan.skips.push_back({sample.path, std::string(decision.knob->file), decision.winner->name,
                          decision.position(), std::move(reason), rule});
  };
  std::optional<Access> access;
  const auto owner = [&]() -> const Access& {
    if (!access) access = site.owner_of ? site.owner_of(sample.path) : Access{};
    return *access;
  };
  for (const Knob& knob : knobs()) {
    const auto found = decisions.find(knob.file);
    if (found == decisions.end() || found->second.winner->mode != mode) continue;
    const Decision& decision = found->second;
    auto current = knob.current(sample);
    if (current) current->text = as_wanted(knob.file, decision.value.text, current->text);
    if (!current) {
      Absence absence = explain_absence(knob, sample, site.snapshot);
      current = once_turned_on(decision, owner(), absence.rule);
      if (!current) {
        skip(decision, std::move(absence.reason), absence.rule);
        continue;
      }
    }
    if (decision.loop) {
      skip(decision,
           "the loop of the policy (adapt) finds it, in the agent; it is " +
               with_meaning(knob.file, current->text),
           "");
      continue;
    }
    if (!decision.known()) {
      Absence unknown = explain_unknown_base(decision);
      skip(decision, std::move(unknown.reason), unknown.rule);
      continue;
    }
    std::optional<std::string> value = decision.value.text;
    Through through = Through::cgroupfs;
    if (current->text != *value) {
      through = owner().through;
      if (through == Through::systemd) value = value_through_systemd(knob.file, *value);
      if (!value && decision.winner->allow_unmanaged_knobs) {
        value = decision.value.text;
        through = Through::cgroupfs;
      }
    }
    if (value && current->text == *value) {
      if (mode == Mode::enforce) {
        plan.held.push_back({sample.id, std::string(knob.file), current->text});
      }
      continue;
    }
    if (auto refused_here = refusal(site, *access, decision, value)) {
      skip(decision, std::move(refused_here->reason), refused_here->rule);
    } else if (const auto rule = refused.find(knob.file); rule != refused.end()) {
      skip(decision, rule->second.reason, rule->second.rule);
    } else {
      writes.push_back(
          {Write{sample.path, sample.id, std::string(knob.file), current->text, *std::move(value),
                 decision.winner->name, decision.position(), mode, decision.losers,
                 decision.winner->drift, decision.winner->allow_oom, through},
           current->amount, decision.value.amount});
    }
  }
  hold_burst(sample, decisions, mode, writes, plan);
  sort_by_kernel_order(writes);
  for (OrderedWrite& write : writes) {
    if (site.cpusets != nullptr) site.cpusets->note(write.write);
    plan.writes.push_back(std::move(write.write));
  }
}

}  // namespace

Plan plan(const cgroup::Snapshot& snapshot, const std::vector<Policy>& given,
          const Ownership& owner_of, const NodeFacts& facts, const std::function<void()>& pause) {
  const auto numbered = with_device_numbers(given, facts);
  const std::vector<Policy>& policies = numbered ? *numbered : given;
  std::vector<const Policy*> ordered;
  for (const Policy& policy : policies) ordered.push_back(&policy);
  sort_by_precedence(ordered);
  Plan made;
  PlanWarnings warnings(policies);
  PercentageBases bases(snapshot, facts);
  PlannedCpusets cpusets(snapshot);
  std::size_t planned = 0;
  for (const cgroup::Sample& sample : snapshot.samples()) {
    if (pause && ++planned % kCgroupsBetweenPauses == 0) pause();
    std::vector<const Policy*> all;
    std::vector<const Policy*> enforced;
    std::deque<Policy> resolved;  // of this cgroup
    for (const Policy* policy : ordered) {
      if (!warnings.note_match(*policy, sample.path)) continue;
      if (!policy->resources.percentages.empty()) {
        policy = &resolved.emplace_back(bases.resolve(*policy, sample));
      }
      if (const AdaptedValue* found = adapted_value(policy->adapted.get(), sample.id)) {
        policy = &resolved.emplace_back(with_adapted(*policy, *found));
      }
      all.push_back(policy);
      if (policy->mode == Mode::enforce) enforced.push_back(policy);
    }
    if (all.empty()) continue;
    const Site site{sample, &snapshot, owner_of, &cpusets};
    // A policy that is only tried out must not change what the others enforce: their world has no
    // such policies.
    const Decisions in_force = decide(enforced);
    bases.note(sample, in_force);
    plan_cgroup(site, in_force, Mode::enforce, made);
    const Decisions decisions = decide(all);
    if (enforced.size() != all.size()) plan_cgroup(site, decisions, Mode::plan, made);
    warnings.note_decisions(sample, decisions);
  }
  skip_raised_min(snapshot, facts, made);
  made.warnings = warnings.take();
  return made;
}

Plan plan_resources(const cgroup::Sample& sample, const Resources& resources,
                    const std::string& owner) {
  Policy policy;
  policy.name = owner;
  policy.resources = resources;
  const Decisions decisions = decide({&policy});
  Plan made;
  const Ownership ours;
  plan_cgroup({sample, nullptr, ours}, decisions, Mode::enforce, made);
  PlanWarnings warnings({});
  warnings.note_decisions(sample, decisions);
  made.warnings = warnings.take();
  return made;
}

}  // namespace cgwarden::policy
