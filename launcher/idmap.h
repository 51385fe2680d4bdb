#pragma once

#include <sys/types.h>

#include <vector>

#include "base/unique_fd.h"
#include "launcher/launch_step.h"
#include "launcher/spec.h"

namespace cgwarden::launcher {

// Writes /proc/PID/uid_map and gid_map of a child that was born in a new user namespace
// (user_namespaces(7)). Called by the parent. Root writes them itself; another user may map its own
// id alone (setgroups(2) is denied first, as the kernel demands), everything else is done by
// newuidmap(1) and newgidmap(1) of the package uidmap, which know /etc/subuid and /etc/subgid.
[[nodiscard]] Step write_id_maps(const Spec& spec, pid_t child);

// A user namespace without a process in it, for MOUNT_ATTR_IDMAP: a file of `container_id` on the
// disk shows as `host_id`. Needs CAP_SETUID and CAP_SETGID.
[[nodiscard]] StepResult<UniqueFd> user_namespace_of(const std::vector<IdMapping>& uids,
                                                     const std::vector<IdMapping>& gids);

}  // namespace cgwarden::launcher
