#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/diagnostic.h"
#include "policy/policy.h"

namespace cgwarden::agent {

// Is systemd PID 1 here (sd_booted(3))?
[[nodiscard]] bool systemd_is_running();

// Why this cgroup must not be written through cgroupfs; nullopt when it may. With systemd running,
// everything is systemd's or its delegates' except below our own scopes
// (/cgwarden.slice/NAME.scope/...): a value written elsewhere is undone at the next daemon-reload.
[[nodiscard]] std::optional<std::string> may_not_write(std::string_view cgroup_path,
                                                       bool systemd_running);

// A warning for each glob of these policies whose matches are all systemd's where systemd runs, so
// that nothing of it would ever be enforced there.
[[nodiscard]] std::vector<policy::Diagnostic> never_enforced(
    const std::vector<policy::Policy>& policies);

}  // namespace cgwarden::agent
