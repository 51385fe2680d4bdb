#include "policy/policy_lint.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cgroup/snapshot.h"
#include "policy/agent_config.h"
#include "policy/match.h"
#include "policy/protection.h"

namespace cgwarden::policy {
namespace {

std::string_view last_component(std::string_view glob) { return glob.substr(glob.rfind('/') + 1); }

bool names_unit(std::string_view glob) {
  static constexpr std::array<std::string_view, 6> kUnits{".service", ".scope", ".slice",
                                                          ".socket",  ".mount", ".swap"};
  const std::string_view name = last_component(glob);
  return std::ranges::any_of(kUnits, [&](std::string_view end) { return name.ends_with(end); });
}

// Below a slice there are units alone, whatever the glob leaves open of their names.
bool is_child_of_slice(std::string_view glob) {
  const std::size_t slash = glob.rfind('/');
  return slash != std::string_view::npos && glob.substr(0, slash).ends_with(".slice") &&
         last_component(glob) != "**";
}

// The uid in "/user.slice/user-1001.slice/*"; of any user, where the glob does not say.
std::string uid_of(std::string_view glob) {
  static constexpr std::string_view kBefore = "/user-";
  const std::size_t at = glob.find(kBefore);
  if (at == std::string_view::npos) return "1000";
  const std::string_view rest = glob.substr(at + kBefore.size());
  const std::string_view uid = rest.substr(0, rest.find_first_not_of("0123456789"));
  return uid.empty() ? "1000" : std::string(uid);
}

// Cgroups that hold all that a user runs.
std::vector<std::string> session_paths(std::string_view glob) {
  const std::string uid = uid_of(glob);
  const std::string slice = "/user.slice/user-" + uid + ".slice";
  return {"/user.slice", slice, slice + "/user@" + uid + ".service", slice + "/session-2.scope"};
}

bool may_be_at(const Policy& policy, std::string_view path) {
  return policy.cgroups.empty() ||
         std::ranges::any_of(policy.cgroups,
                             [&](const std::string& glob) { return glob_matches(glob, path); });
}

// Does a glob over paths or names of units take in such a cgroup? What else the selector asks of it
// may leave it out: then only a name that is a session's tells.
bool holds_session(const Policy& policy, std::string_view glob) {
  const std::string_view name = last_component(glob);
  if (name == "user.slice" || (name.starts_with("user-") && name.ends_with(".slice")) ||
      (name.starts_with("user@") && name.ends_with(".service")) ||
      (name.starts_with("session-") && name.ends_with(".scope"))) {
    return true;
  }
  Selector others = policy.selector;
  others.units.clear();
  if (!others.empty()) return false;
  return std::ranges::any_of(session_paths(glob), [&](const std::string& path) {
    if (glob.starts_with('/')) return glob_matches(glob, path);
    return name_matches(glob, last_component(path)) && may_be_at(policy, path);
  });
}

// What a policy matches: a glob over paths or over names of units.
struct Target {
  std::string_view glob;
  bool is_unit;  // all that it matches are units
};

void lint_quota(const Policy& policy, const Target& target, Findings& findings) {
  const auto& quota = policy.resources.cpu_max;
  if (!quota || is_max(quota->quota) || !target.is_unit) return;
  const std::uint64_t hundred = std::get<Usec>(quota->quota).count() * 100;
  const std::uint64_t period = quota->period.count();
  const SourcePosition& at = policy.resources.positions.at("cpu.max");
  if (hundred < period) {
    findings.error(at,
                   fmt::format("cpu.max below 1 % of a CPU for {}: systemd drops it at the next "
                               "daemon-reload, and an earlier quota comes back",
                               target.glob),
                   "take at least 0.01 CPUs", "L09");
  } else if (hundred % period != 0) {
    const std::uint64_t percents = hundred / period + 1;
    findings.warning(at,
                     fmt::format("cpu.max for {} is no whole percent of a CPU, and systemd keeps "
                                 "nothing else: it is rounded up to {} %",
                                 target.glob, percents),
                     fmt::format("write {}.{:02}", percents / 100, percents % 100), "L09");
  }
}

void lint_burst(const Policy& policy, const Target& target, Findings& findings) {
  const auto& burst = policy.resources.cpu_max_burst;
  if (!burst || burst->count() == 0 || !target.is_unit) return;
  findings.warning(policy.resources.positions.at("cpu.max.burst"),
                   fmt::format("cpu.burst on {}: where systemd manages the quota, a later "
                               "CPUQuota= below the burst reports success and is refused by the "
                               "kernel",
                               target.glob),
                   policy.allow_unmanaged_knobs
                       ? "change the quota by a policy alone: it lowers the burst first"
                       : "match a cgroup below a delegated unit, or say allowUnmanagedKnobs",
                   "L05");
}

void lint_group_kill(const Policy& policy, std::string_view glob, Findings& findings) {
  if (!policy.resources.memory_oom_group.value_or(false)) return;
  const SourcePosition& at = policy.resources.positions.at("memory.oom.group");
  if (holds_session(policy, glob)) {
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

// A pod's own cgroup holds its containers.
void lint_group_kill_of_pods(const Policy& policy, Findings& findings) {
  const Selector& selector = policy.selector;
  const bool whole_pods = (!selector.pods.empty() || !selector.namespaces.empty()) &&
                          selector.containers.empty() && selector.units.empty();
  if (!whole_pods || !policy.resources.memory_oom_group.value_or(false)) return;
  findings.warning(policy.resources.positions.at("memory.oom.group"),
                   fmt::format("memory.oom.group on {}: one OOM kill takes every container of the "
                               "pod",
                               describe(selector)),
                   "add containers: \"*\" to set it on each container", "L23");
}

// The watched cgroup's own components are what is killed, the session of its user among them.
void lint_kill_rule(const Policy& policy, std::string_view glob, Findings& findings) {
  if (!policy.adapt.kill || (glob != "/" && !holds_session(policy, glob))) return;
  findings.warning(policy.adapt.kill_position,
                   fmt::format("adapt.kill on {}: the victim may be a session with all that was "
                               "started from it",
                               glob),
                   "match what holds the applications, or mark the session with "
                   "ManagedOOMPreference=omit",
                   "L42");
}

// What is protected by default and below a cgroup that `matches` finds: nullopt where there is
// none.
struct Holding {
  std::string above;
  std::string held;
};
std::optional<Holding> find_holding(const std::function<bool(std::string_view)>& matches) {
  std::vector<std::string> needed = Enforcement().protected_cgroups;
  needed.emplace_back(kAgentUnit);
  for (const std::string& one : needed) {
    for (auto at = cgroup::parent_path(one); at.size() > 1; at = cgroup::parent_path(at)) {
      if (matches(at)) return Holding{std::string(at), one};
    }
  }
  return std::nullopt;
}

void warn_of_holding(const Policy& policy, const SourcePosition& at, std::string_view glob,
                     const Holding& holding, Findings& findings) {
  const std::string what =
      fmt::format("{} matches {}, which holds {}: ", glob, holding.above, holding.held);
  if (freezes(policy)) {
    findings.warning(at, what + "cgroup.freeze is not written there", "match the workloads alone",
                     "L41");
  } else if (const auto limit = first_limit(policy)) {
    findings.warning(at, what + fmt::format("{} limits that too", *limit),
                     "limit what needs it one by one, beside what is protected", "L41");
  }
}

// It kills the matched cgroup as a whole.
void lint_stall_kill(const Policy& policy, std::string_view glob,
                     const std::optional<Holding>& holding, Findings& findings) {
  if (!policy.adapt.stall || !policy.adapt.stall->may_kill) return;
  const auto warn = [&](const std::string& what) {
    findings.warning(policy.adapt.stall_position, fmt::format("adapt.stall on {}: {}", glob, what),
                     "match the scope or service of one application, or say action: raise", "L42");
  };
  if (holds_session(policy, glob)) {
    warn("its kill takes the session and all that was started from it");
  } else if (holding) {
    warn(fmt::format("it is never killed where it holds {}, which is protected", holding->held));
  } else if (last_component(glob).ends_with(".slice")) {
    warn("its kill takes every workload below the slice");
  }
}

void warn_of_needed(const SourcePosition& at, std::string_view glob, std::string_view needed,
                    Findings& findings) {
  findings.warning(at, fmt::format("{} matches {}, which must run", glob, needed),
                   "match the workloads alone", "L41");
}

// Beside a selector a glob over paths leaves out some of what that means, and matches nothing by
// itself.
void lint_match(const Policy& policy, std::size_t index, Findings& findings) {
  static constexpr std::array<std::string_view, 3> kNeeded{"/", kInitScope, kAgentUnit};
  const std::string& glob = policy.cgroups[index];
  for (const std::string_view path : kNeeded) {
    if (!glob_matches(glob, path)) continue;
    warn_of_needed(policy.cgroup_positions[index], glob, path == "/" ? "the root cgroup" : path,
                   findings);
    return;
  }
  const auto holding =
      find_holding([&](std::string_view path) { return glob_matches(glob, path); });
  if (holding) {
    warn_of_holding(policy, policy.cgroup_positions[index], glob, *holding, findings);
  }
}

// What else the selector asks of a cgroup may leave them out: then nothing is said.
void lint_units(const Policy& policy, Findings& findings) {
  static constexpr std::array<std::string_view, 2> kNeeded{kInitScope, kAgentUnit};
  Selector others = policy.selector;
  others.units.clear();
  if (!others.empty()) return;
  for (std::size_t i = 0; i < policy.selector.units.size(); ++i) {
    const std::string& glob = policy.selector.units[i];
    bool said = false;
    for (const std::string_view path : kNeeded) {
      if (!name_matches(glob, last_component(path)) || !may_be_at(policy, path)) continue;
      warn_of_needed(policy.selector.unit_positions[i], glob, last_component(path), findings);
      said = true;
      break;
    }
    const auto holding = find_holding([&](std::string_view path) {
      return name_matches(glob, last_component(path)) && may_be_at(policy, path);
    });
    if (!said && holding) {
      warn_of_holding(policy, policy.selector.unit_positions[i], glob, *holding, findings);
    }
  }
}

// One cgroup is not the payload of a workload and something else.
void lint_selector(const Policy& policy, Findings& findings) {
  const Selector& selector = policy.selector;
  const bool workloads = !selector.workloads.empty() || !selector.labels.empty();
  const bool others = !selector.units.empty() || !selector.pods.empty() ||
                      !selector.namespaces.empty() || !selector.containers.empty();
  if (!workloads || !others) return;
  findings.warning(policy.position,
                   fmt::format("policy {}: {} select no cgroup anywhere, as the payload of a "
                               "workload is no unit, pod or container",
                               policy.name, describe(selector)),
                   "workloads and labels go together, or with cgroups and xattrs; make two "
                   "policies of it",
                   "L41");
}

}  // namespace

void lint_policy(const Policy& policy, Findings& findings) {
  const bool does_something = !policy.resources.empty() || !policy.adapt.empty();
  for (std::size_t i = 0; i < policy.cgroups.size(); ++i) {
    const std::string& glob = policy.cgroups[i];
    const Target target{glob, names_unit(glob) || is_child_of_slice(glob)};
    if (does_something && policy.selector.empty()) lint_match(policy, i, findings);
    // Then the names of the units say it.
    if (!policy.selector.units.empty()) continue;
    lint_quota(policy, target, findings);
    lint_burst(policy, target, findings);
    lint_group_kill(policy, glob, findings);
    lint_kill_rule(policy, glob, findings);
    lint_stall_kill(policy, glob,
                    find_holding([&](std::string_view path) { return glob_matches(glob, path); }),
                    findings);
  }
  for (const std::string& unit : policy.selector.units) {
    lint_quota(policy, {unit, true}, findings);
    lint_burst(policy, {unit, true}, findings);
    lint_group_kill(policy, unit, findings);
    lint_kill_rule(policy, unit, findings);
    lint_stall_kill(policy, unit, find_holding([&](std::string_view path) {
                      return name_matches(unit, last_component(path));
                    }),
                    findings);
  }
  lint_group_kill_of_pods(policy, findings);
  if (does_something) lint_units(policy, findings);
  lint_selector(policy, findings);
}

}  // namespace cgwarden::policy
