#pragma once

#include <string>

#include "base/unique_fd.h"
#include "launcher/launch_step.h"
#include "launcher/mount_options.h"
#include "launcher/spec.h"

// Mounts by file descriptor only (open_tree, fsopen, move_mount, mount_setattr; Linux 5.2 to 5.12):
// what was checked is what is mounted on, and no path is resolved twice.
namespace cgwarden::launcher {

// A new mount of a file system type, not attached anywhere yet. Errors carry what the file system
// itself says (the log of the fs context).
[[nodiscard]] StepResult<UniqueFd> new_mount(const std::string& type, const std::string& source,
                                             const MountOptions& options);

// A detached copy of the mount at `source` (of everything below it too when `recursive`), with the
// options' attributes.
[[nodiscard]] StepResult<UniqueFd> bind_mount(int directory, const std::string& source,
                                              const MountOptions& options);

// Changes the mount and, with data, the file system at the mount point `target` (option remount).
[[nodiscard]] Step remount(int target, const Mount& mount, const MountOptions& options);

// Attaches a detached mount on what `target` refers to. errno(3) is the kernel's.
[[nodiscard]] bool attach(int mount, int target);

// mount_setattr(2) of a propagation type (MS_*). errno(3) is the kernel's.
[[nodiscard]] bool set_propagation(int mount, Propagation propagation);

}  // namespace cgwarden::launcher
