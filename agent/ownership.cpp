#include "agent/ownership.h"

#include <systemd/sd-daemon.h>

namespace cgwarden::agent {

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

}  // namespace cgwarden::agent
