#include "diagnosis/audit/container_origin.h"

#include "identity/identity.h"

namespace cgwarden::diagnosis::audit {

std::optional<ContainerOrigin> container_origin(std::string_view cgroup) {
  identity::Identity identity = identity::of_path(cgroup);
  std::string& name = identity.container_id.empty() ? identity.container : identity.container_id;
  if (name.empty()) return std::nullopt;
  // With kubelet's cgroupfs driver the path has the pod and not the runtime.
  if (identity.runtime.empty()) identity.runtime = "kubernetes";
  return ContainerOrigin{std::move(identity.runtime), std::move(name)};
}

}  // namespace cgwarden::diagnosis::audit
