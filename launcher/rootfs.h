#pragma once

#include "base/unique_fd.h"
#include "launcher/launch_step.h"
#include "launcher/spec.h"

namespace cgwarden::launcher {

// In a new mount namespace: cuts propagation from the host, mounts the rootfs onto itself (nodev)
// and gives its directory fd. A missing directory is refused with a remedy.
[[nodiscard]] StepResult<UniqueFd> open_rootfs(const Spec& spec);

// Makes the rootfs "/" (pivot_root(2), with the old root detached at once) and the working
// directory, read-only when the spec says so. Nothing of the host's tree stays mounted.
[[nodiscard]] Step enter_rootfs(int root, const Spec& spec);

// chdir(2) to process.cwd, then asks the kernel where that is: outside of the root it answers
// "(unreachable)" (CVE-2024-21626).
[[nodiscard]] Step enter_working_directory(const Process& process);

}  // namespace cgwarden::launcher
