#pragma once

#include "launcher/spec.h"
#include "policy/workload.h"

namespace cgwarden::agent {

// The OCI spec of a workload: the launcher's default_spec() with the workload's words filled in.
// Resources are not in it: the agent writes them into the payload cgroup before the command is born
// there. With layers root_path and overlay->writable are left empty: the agent has the directories.
[[nodiscard]] launcher::Spec compile(const policy::Workload& workload);

}  // namespace cgwarden::agent
