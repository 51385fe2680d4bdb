#pragma once

#include "base/unique_fd.h"
#include "launcher/launch_step.h"
#include "launcher/mount_options.h"
#include "launcher/spec.h"

namespace cgwarden::launcher {

// A detached mount of a file system type, where proc, sysfs, mqueue and cgroup show one namespace:
// the container's own one is mounted fresh; one that it shares with the caller is bound from the
// host where a fresh mount is not permitted (user namespace) or would change the host's (cgroup2).
[[nodiscard]] StepResult<UniqueFd> kernel_mount(const Mount& mount, const MountOptions& options,
                                                const Spec& spec);

}  // namespace cgwarden::launcher
