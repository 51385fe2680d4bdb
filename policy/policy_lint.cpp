#include "policy/policy_lint.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <tuple>

#include "policy/knob.h"
#include "policy/match.h"

namespace cgwarden::policy {
namespace {

std::string_view last_component(std::string_view glob) { return glob.substr(glob.rfind('/') + 1); }

bool names_unit(std::string_view glob) {
  static constexpr std::array<std::string_view, 6> kUnits{".service", ".scope", ".slice",
                                                          ".socket",  ".mount", ".swap"};
  const std::string_view name = last_component(glob);
  return std::ranges::any_of(kUnits, [&](std::string_view end) { return name.ends_with(end); });
}

// A cgroup that holds all that a user runs.
bool holds_session(std::string_view glob) {
  const std::string_view name = last_component(glob);
  return name == "user.slice" || (name.starts_with("user-") && name.ends_with(".slice")) ||
         (name.starts_with("user@") && name.ends_with(".service")) ||
         (name.starts_with("session-") && name.ends_with(".scope")) || glob == "/user.slice/**" ||
         glob == "/user.slice/*";
}

void lint_quota(const Policy& policy, std::string_view glob, Findings& findings) {
  const auto& quota = policy.resources.cpu_max;
  if (!quota || is_max(quota->quota) || !names_unit(glob)) return;
  const std::uint64_t hundred = std::get<Usec>(quota->quota).count() * 100;
  const std::uint64_t period = quota->period.count();
  const SourcePosition& at = policy.resources.positions.at("cpu.max");
  if (hundred < period) {
    findings.error(at,
                   fmt::format("cpu.max below 1 % of a CPU for {}: systemd drops it at the next "
                               "daemon-reload, and an earlier quota comes back",
                               glob),
                   "take at least 0.01 CPUs", "L09");
  } else if (hundred % period != 0) {
    findings.warning(at,
                     fmt::format("cpu.max for {} is no whole percent of a CPU: systemd rounds it "
                                 "down to {} %",
                                 glob, hundred / period),
                     fmt::format("write {}.{:02}", hundred / period / 100, hundred / period % 100),
                     "L09");
  }
}

void lint_burst(const Policy& policy, std::string_view glob, Findings& findings) {
  const auto& burst = policy.resources.cpu_max_burst;
  if (!burst || burst->count() == 0 || !names_unit(glob)) return;
  findings.warning(policy.resources.positions.at("cpu.max.burst"),
                   fmt::format("cpu.burst on {}: where systemd manages the quota, a later "
                               "CPUQuota= below the burst reports success and is refused by the "
                               "kernel",
                               glob),
                   policy.allow_unmanaged_knobs
                       ? "change the quota by a policy alone: it lowers the burst first"
                       : "match a cgroup below a delegated unit, or say allowUnmanagedKnobs",
                   "L05");
}

void lint_group_kill(const Policy& policy, std::string_view glob, Findings& findings) {
  if (!policy.resources.memory_oom_group.value_or(false)) return;
  const SourcePosition& at = policy.resources.positions.at("memory.oom.group");
  if (holds_session(glob)) {
    findings.warning(at,
                     fmt::format("memory.oom.group on {}: one OOM kill takes the session and all "
                                 "that was started from it",
                                 glob),
                     "match the scope of one application", "L42");
  } else if (last_component(glob).ends_with(".slice")) {
    findings.warning(at,
                     fmt::format("memory.oom.group on {}: one OOM kill takes every workload below "
                                 "the slice",
                                 glob),
                     "match the workloads' own cgroups", "L23");
  }
}

// The watched cgroup's own components are what is killed, the session of its user among them.
void lint_kill_rule(const Policy& policy, std::string_view glob, Findings& findings) {
  if (!policy.adapt.kill || !holds_session(glob)) return;
  findings.warning(policy.adapt.kill_position,
                   fmt::format("adapt.kill on {}: the victim may be a session with all that was "
                               "started from it",
                               glob),
                   "match what holds the applications, or mark the session with "
                   "ManagedOOMPreference=omit",
                   "L42");
}

void lint_match(const Policy& policy, std::size_t index, Findings& findings) {
  static constexpr std::array<std::string_view, 3> kNeeded{"/", "/init.scope",
                                                           "/system.slice/cgwarden.service"};
  if (policy.resources.empty() && policy.adapt.empty()) return;
  const std::string& glob = policy.cgroups[index];
  for (const std::string_view path : kNeeded) {
    if (!glob_matches(glob, path)) continue;
    findings.warning(
        policy.cgroup_positions[index],
        fmt::format("{} matches {}, which must run", glob, path == "/" ? "the root cgroup" : path),
        "match the workloads alone", "L41");
    return;
  }
}

}  // namespace

void lint_policy(const Policy& policy, Findings& findings) {
  for (std::size_t i = 0; i < policy.cgroups.size(); ++i) {
    lint_match(policy, i, findings);
    lint_quota(policy, policy.cgroups[i], findings);
    lint_burst(policy, policy.cgroups[i], findings);
    lint_group_kill(policy, policy.cgroups[i], findings);
    lint_kill_rule(policy, policy.cgroups[i], findings);
  }
  for (const std::string& unit : policy.selector.units) {
    lint_quota(policy, unit, findings);
    lint_burst(policy, unit, findings);
    lint_group_kill(policy, unit, findings);
    lint_kill_rule(policy, unit, findings);
  }
}

std::vector<Diagnostic> find_conflicts(const std::vector<Policy>& policies) {
  std::vector<const Policy*> ordered;
  for (const Policy& policy : policies) {
    if (policy.mode == Mode::enforce) ordered.push_back(&policy);
  }
  // The winner is met first.
  std::ranges::stable_sort(ordered, [](const Policy* a, const Policy* b) {
    return std::tie(b->priority, b->name) < std::tie(a->priority, a->name);
  });
  std::map<std::tuple<std::string_view, int, std::string_view>, const Policy*> winners;
  std::vector<Diagnostic> found;
  for (const Policy* policy : ordered) {
    for (const Knob& knob : knobs()) {
      const auto wanted = knob.wanted(policy->resources);
      if (!wanted) continue;
      for (const std::string& glob : policy->cgroups) {
        const auto [winner, is_new] =
            winners.try_emplace({glob, policy->priority, knob.file}, policy);
        if (is_new || winner->second == policy) continue;
        const auto other = knob.wanted(winner->second->resources);
        if (!other || other->text == wanted->text) continue;
        const auto at = policy->resources.positions.find(std::string(knob.file));
        found.push_back(
            {Severity::warning,
             at == policy->resources.positions.end() ? policy->position : at->second,
             fmt::format("{} of {}: policy {} wants {} and policy {} wants {}, both of "
                         "priority {}: {} wins, its name is later",
                         knob.file, glob, policy->name, wanted->text, winner->second->name,
                         other->text, policy->priority, winner->second->name),
             "", "give one of them a higher priority", "L33"});
      }
    }
  }
  return found;
}

}  // namespace cgwarden::policy
