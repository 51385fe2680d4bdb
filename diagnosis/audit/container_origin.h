#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace cgwarden::diagnosis::audit {

// Who made a container, and what it calls it.
struct ContainerOrigin {
  std::string runtime;  // Identity::runtime, or "kubernetes" when the path does not say which
  std::string name;     // a container id or the name of a machine, as in the path
};

// identity::of_path of a process's cgroup, as far as it is a container; nullopt: none. The
// helpers of a runtime (conmon, lxc.monitor, our shim) are not the container.
[[nodiscard]] std::optional<ContainerOrigin> container_origin(std::string_view cgroup);

}  // namespace cgwarden::diagnosis::audit
