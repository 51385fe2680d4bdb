#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace cgwarden::agent {

// Is systemd PID 1 here (sd_booted(3))?
[[nodiscard]] bool systemd_is_running();

// Why this cgroup must not be written through cgroupfs; nullopt when it may. With systemd running,
// everything is systemd's or its delegates' except below our own scopes
// (/cgwarden.slice/NAME.scope/...): a value written elsewhere is undone at the next daemon-reload.
[[nodiscard]] std::optional<std::string> may_not_write(std::string_view cgroup_path,
                                                       bool systemd_running);

}  // namespace cgwarden::agent
