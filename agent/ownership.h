#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/agent_config.h"
#include "policy/diagnostic.h"
#include "policy/plan.h"
#include "policy/policy.h"

namespace cgwarden::agent {

// Is systemd PID 1 here (sd_booted(3))?
[[nodiscard]] bool systemd_is_running();

// Who writes this cgroup, by its path alone. Nobody: the root, what a glob of `is_protected`
// matches, and what is below that. What stands above such a glob without a wildcard may be written,
// and holds it (Access::holds). Without systemd, everything else is ours. With systemd: our own
// scopes (/cgwarden.slice/NAME.scope/...) by cgroupfs; the cgroup of a unit by systemd, as it would
// undo another's write at its next daemon-reload; what is below a unit, or in none, belongs to
// another manager, and may be adopted.
[[nodiscard]] policy::Access owner_of(std::string_view cgroup_path, bool systemd_running,
                                      const std::vector<std::string>& is_protected = {});

// The globs of what no policy limits on this machine: those of the configuration, /init.scope, the
// unit of the package, and the cgroup of the running agent if there is one and it is not the root.
[[nodiscard]] std::vector<std::string> protected_globs(const policy::Enforcement& enforcement,
                                                       std::optional<pid_t> agent);

// A warning for each glob of these policies whose matches are all another manager's where systemd
// runs, so that nothing of it would ever be enforced there.
[[nodiscard]] std::vector<policy::Diagnostic> never_enforced(
    const std::vector<policy::Policy>& policies);

}  // namespace cgwarden::agent
