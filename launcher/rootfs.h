#pragma once

#include "base/unique_fd.h"
#include "launcher/launch_step.h"
#include "launcher/spec.h"

namespace cgwarden::launcher {

// In a new mount namespace: cuts propagation to the host as linux.rootfsPropagation says (all of it
// by default), mounts the rootfs onto itself and gives its directory fd; nodev unless
// linux.resources.devices has rules for what a node may open. A missing directory is refused with a
// remedy. `overlay` is the detached mount of spec.overlay (overlay.h), which goes there instead.
[[nodiscard]] StepResult<UniqueFd> open_rootfs(const Spec& spec, int overlay = -1);

// Makes the rootfs "/" (pivot_root(2), with the old root detached at once) and the working
// directory, read-only when the spec says so and with linux.rootfsPropagation. process.cwd is made
// before that when it is missing. Nothing of the host's tree stays mounted; without `pivot` (on a
// root that pivot_root(2) refuses) it is covered by the rootfs, with /proc and /sys unmounted: a
// process with CAP_SYS_CHROOT can climb to it.
[[nodiscard]] Step enter_rootfs(int root, const Spec& spec, bool pivot = true);

// chdir(2) to process.cwd, then asks the kernel where that is: outside of the root it answers
// "(unreachable)" (CVE-2024-21626).
[[nodiscard]] Step enter_working_directory(const Process& process);

}  // namespace cgwarden::launcher
