#pragma once

#include <string>

#include "base/unique_fd.h"
#include "launcher/launch_step.h"
#include "launcher/spec.h"

namespace cgwarden::launcher {

// Fills the container's /dev (by fd) as OCI runtime-spec 1.2 config-linux.md "Default Devices"
// asks: null, zero, full, random, urandom, tty, ptmx as a symlink into pts, fd, stdin, stdout,
// stderr, and an empty file `console` to bind on when the process has a terminal. The devices are
// made with mknod(2) in a `fresh` /dev, which goes with the container; in a directory of the
// rootfs, in a user namespace and in a /dev that is nodev the host's are bound. What linux.devices
// lists is left to make_devices; what is there already and right is left alone.
[[nodiscard]] Step fill_dev(int dev, const Spec& spec, bool fresh);

// linux.devices: each is made with mknod(2) below the rootfs `root`, with its mode and owner. Where
// that is not permitted (user namespace) or would open nothing (nodev), the host's node of that
// number is bound, with the mode and owner it has there. Missing directories are made.
[[nodiscard]] Step make_devices(int root, const Spec& spec);

// O_PATH fd of the host's /dev/null, checked to be the character device 1:3 (CVE-2025-31133).
[[nodiscard]] StepResult<UniqueFd> open_null_device();

// O_PATH fd of `path` on the host, checked to be this device.
[[nodiscard]] StepResult<UniqueFd> open_host_device(const std::string& path, mode_t type,
                                                    dev_t number);

// The device `source` of the host bound on `name` in `directory`; an empty file is made to bind on.
[[nodiscard]] Step bind_device(int source, int directory, const std::string& name,
                               const std::string& shown);

}  // namespace cgwarden::launcher
