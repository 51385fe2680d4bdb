#pragma once

#include "launcher/launch_step.h"

namespace cgwarden::launcher {

// Fills a fresh /dev (an attached tmpfs mount, by fd) as OCI runtime-spec 1.2 config-linux.md
// "Default Devices" asks: null, zero, full, random, urandom, tty bound from the host, ptmx as a
// symlink into pts, fd, stdin, stdout, stderr. Bound and not made with mknod(2): works in a user
// namespace, and the tmpfs itself can stay nodev.
[[nodiscard]] Step fill_dev(int dev);

// O_PATH fd of the host's /dev/null, checked to be the character device 1:3 (CVE-2025-31133).
[[nodiscard]] StepResult<UniqueFd> open_null_device();

}  // namespace cgwarden::launcher
