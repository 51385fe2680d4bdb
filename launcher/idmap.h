#pragma once

#include <sys/types.h>

#include "launcher/launch_step.h"
#include "launcher/spec.h"

namespace cgwarden::launcher {

// Writes /proc/PID/uid_map and gid_map of a child that was born in a new user namespace
// (user_namespaces(7)). Called by the parent; without CAP_SETGID setgroups(2) is denied first, as
// the kernel demands. Ranges beyond one's own id need CAP_SETUID in the parent.
[[nodiscard]] Step write_id_maps(const Spec& spec, pid_t child);

}  // namespace cgwarden::launcher
