#include "agent/ownership.h"

#include <systemd/sd-daemon.h>

#include <algorithm>
#include <array>
#include <span>

#include "base/file.h"
#include "base/limits.h"
#include "base/text.h"
#include "cgroup/snapshot.h"
#include "policy/match.h"
#include "policy/protection.h"

namespace cgwarden::agent {
namespace {

// May this component of a glob match a name that ends in ".scope"? Looks only at what stands behind
// its last wildcard: rather no warning than a wrong one.
bool may_be_scope(std::string_view component) {
  static constexpr std::string_view kScope = ".scope";
  const std::size_t wildcard = component.find_last_of("*?]");
  if (wildcard == std::string_view::npos) return component.ends_with(kScope);
  const std::string_view tail = component.substr(wildcard + 1);
  return kScope.ends_with(tail) || tail.ends_with(kScope);
}

// May a glob match something below /cgwarden.slice/NAME.scope/?
bool may_match_our_own(std::string_view glob) {
  const auto components = split(glob.substr(1), '/');
  if (components[0] == "**") return true;
  if (!policy::glob_matches("/" + std::string(components[0]), "/cgwarden.slice")) return false;
  if (components.size() < 2) return false;
  if (components[1] == "**") return true;
  return components.size() > 2 && may_be_scope(components[1]);
}

constexpr std::array<std::string_view, 6> kUnitSuffixes{".service", ".scope", ".slice",
                                                        ".socket",  ".mount", ".swap"};

bool is_unit(std::string_view name) {
  return std::ranges::any_of(kUnitSuffixes,
                             [&](std::string_view suffix) { return name.ends_with(suffix); });
}

// What is below such a unit is delegated, as slices alone have units inside.
bool holds_processes(std::string_view name) { return is_unit(name) && !name.ends_with(".slice"); }

// May something that this glob matches be the cgroup of a unit? Rather no warning than a wrong one.
bool may_match_unit(std::string_view glob) {
  const auto components = split(glob.substr(1), '/');
  const auto above = std::span(components).first(components.size() - 1);
  if (std::ranges::any_of(above, holds_processes)) return false;
  const std::string_view last = components.back();
  if (last == "**") return true;
  const std::size_t wildcard = last.find_last_of("*?]");
  if (wildcard == std::string_view::npos) return is_unit(last);
  const std::string_view tail = last.substr(wildcard + 1);
  return std::ranges::any_of(kUnitSuffixes, [&](std::string_view suffix) {
    return suffix.ends_with(tail) || tail.ends_with(suffix);
  });
}

// /cgwarden.slice/NAME.scope/...
bool is_our_own(std::string_view path) {
  static constexpr std::string_view kSlice = "/cgwarden.slice/";
  static constexpr std::string_view kScope = ".scope/";
  if (!path.starts_with(kSlice)) return false;
  const std::size_t component_end = path.find('/', kSlice.size());
  return component_end != std::string_view::npos &&
         path.substr(0, component_end + 1).ends_with(kScope);
}

// Is it, or is anything above it, what the glob means? A unit's limits are those of all below it.
bool covers(const std::string& glob, std::string_view path) {
  for (; path.size() > 1; path = cgroup::parent_path(path)) {
    if (policy::glob_matches(glob, path)) return true;
  }
  return false;
}

// By the names alone, so that what is not there yet counts too.
std::string held_by_name(std::string_view path, const std::vector<std::string>& is_protected) {
  const auto held = std::ranges::find_if(
      is_protected, [&](const std::string& glob) { return policy::is_below(glob, path); });
  return held == is_protected.end() ? std::string() : *held;
}

policy::Access unprotected_owner_of(std::string_view cgroup_path, bool systemd_running) {
  if (!systemd_running || is_our_own(cgroup_path)) return {};
  const auto components = split(cgroup_path.substr(1), '/');
  for (const std::string_view above : std::span(components).first(components.size() - 1)) {
    if (!holds_processes(above)) continue;
    return {.refusal = "it is below " + std::string(above) +
                       ", whose manager alone writes there; owner: adopt writes it all the same",
            .adoptable = true,
            .rule = "L31"};
  }
  if (is_unit(components.back())) return {.through = policy::Through::systemd};
  return {.refusal =
              "no unit of systemd is this cgroup: another manager made it; owner: adopt "
              "writes it all the same",
          .adoptable = true,
          .rule = "L31"};
}

}  // namespace

bool systemd_is_running() { return ::sd_booted() > 0; }

policy::Access owner_of(std::string_view cgroup_path, bool systemd_running,
                        const std::vector<std::string>& is_protected) {
  if (cgroup_path == "/") return {.refusal = "the root cgroup has no limits"};
  for (const std::string& glob : is_protected) {
    if (!covers(glob, cgroup_path)) continue;
    return {.refusal = "it is protected (" + glob + "): a limit there may lock everybody out"};
  }
  policy::Access access = unprotected_owner_of(cgroup_path, systemd_running);
  access.holds = held_by_name(cgroup_path, is_protected);
  return access;
}

std::vector<std::string> protected_globs(const policy::Enforcement& enforcement,
                                         std::optional<pid_t> agent) {
  std::vector<std::string> globs = enforcement.protected_cgroups;
  globs.emplace_back(policy::kInitScope);
  globs.emplace_back(policy::kAgentUnit);
  if (!agent) return globs;
  const std::string file = "/proc/" + std::to_string(*agent) + "/cgroup";
  const auto text = read_file(file, limits::kControlFileBytes);
  if (!text) return globs;
  for (const std::string_view line : split(trim(*text), '\n')) {
    // A name with the characters of a glob matches itself, and little else.
    if (line.starts_with("0::/") && line.size() > 4) globs.emplace_back(line.substr(3));
  }
  return globs;
}

std::vector<policy::Diagnostic> never_enforced(const std::vector<policy::Policy>& policies) {
  std::vector<policy::Diagnostic> warnings;
  for (const auto& policy : policies) {
    if (policy.adopt) continue;
    for (const auto& glob : policy.cgroups) {
      if (may_match_our_own(glob) || may_match_unit(glob)) continue;
      warnings.push_back(
          {policy::Severity::warning, policy.position,
           "policy " + policy.name + ": where systemd runs, nothing that " + glob +
               " matches is written: it is no unit of systemd, and another manager's",
           "",
           "match a unit or /cgwarden.slice/*.scope/payload, or say owner: adopt if no other "
           "manager writes there",
           "L31"});
    }
  }
  return warnings;
}

}  // namespace cgwarden::agent
