#pragma once

#include <sys/types.h>

#include <optional>

#include "launcher/launch_step.h"
#include "launcher/spec.h"

// Who a container's cgroup belongs to (config-linux.md "Cgroup ownership").
namespace cgwarden::launcher {

// The host's uid of process.user.uid, when the container has a cgroup namespace of its own and
// mounts its cgroup writable at /sys/fs/cgroup: it then manages what is below. nullopt in every
// other case, and when that uid has no mapping. With a user namespace by path its own mappings
// count, not those of the spec; that it cannot be joined is an error (host_uid.h).
[[nodiscard]] StepResult<std::optional<uid_t>> cgroup_owner(const Spec& spec);

// Gives it the directory (an O_PATH fd) and the files of /sys/kernel/cgroup/delegate in it, no
// limit among them, and bounds the depth of what is made below (cgroup.max.depth). A caller who may
// not (rootless, an id that is not his) leaves all as it is. Stage "cgroup".
[[nodiscard]] Step give_cgroup(int directory, uid_t owner);

}  // namespace cgwarden::launcher
