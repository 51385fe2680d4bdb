#include "agent/ownership.h"

#include <systemd/sd-daemon.h>

#include "base/text.h"
#include "policy/match.h"

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

}  // namespace

bool systemd_is_running() { return ::sd_booted() > 0; }

std::optional<std::string> may_not_write(std::string_view cgroup_path, bool systemd_running) {
  if (cgroup_path == "/") return "the root cgroup has no limits";
  if (!systemd_running) return std::nullopt;
  static constexpr std::string_view kSlice = "/cgwarden.slice/";
  static constexpr std::string_view kScope = ".scope/";
  if (cgroup_path.starts_with(kSlice)) {
    const std::size_t component_end = cgroup_path.find('/', kSlice.size());
    if (component_end != std::string_view::npos &&
        cgroup_path.substr(0, component_end + 1).ends_with(kScope)) {
      return std::nullopt;
    }
  }
  return "systemd owns it and would undo the write at its next daemon-reload";
}

std::vector<policy::Diagnostic> never_enforced(const std::vector<policy::Policy>& policies) {
  std::vector<policy::Diagnostic> warnings;
  for (const auto& policy : policies) {
    for (const auto& glob : policy.cgroups) {
      if (may_match_our_own(glob)) continue;
      warnings.push_back(
          {policy::Severity::warning, policy.position,
           "policy " + policy.name + ": where systemd runs, nothing that " + glob +
               " matches is written: systemd owns it and would undo the write at its next "
               "daemon-reload",
           "",
           "match /cgwarden.slice/*.scope/payload, or set the unit's own property with systemctl "
           "set-property",
           "L31"});
    }
  }
  return warnings;
}

}  // namespace cgwarden::agent
