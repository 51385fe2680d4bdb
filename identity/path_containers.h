#pragma once

#include <span>
#include <string_view>

#include "identity/identity.h"

namespace cgwarden::identity {

// Fills in runtime, container, container_id, pod_uid, nested and, when the path ends at a pod or a
// container, kind: the innermost container. A runtime's helper (conmon, lxc.monitor, our shim) is
// no container.
void add_containers(std::span<const std::string_view> components, Identity& identity);

}  // namespace cgwarden::identity
