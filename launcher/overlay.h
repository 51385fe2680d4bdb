#pragma once

#include "base/unique_fd.h"
#include "launcher/launch_step.h"
#include "launcher/spec.h"

namespace cgwarden::launcher {

// The overlay of spec.overlay, mounted but attached nowhere; nodev unless linux.resources.devices
// has rules. Made with the host's privileges by a helper process in a mount namespace of its own,
// and with descriptors only: a path may have any byte in it. With a user namespace the layers are
// id-mapped (overlayfs takes such ones since Linux 5.19), so that a file of the image's root
// belongs to the container's. The root directory has owner and mode of the highest layer's.
// Refused, in stage "rootfs": a layer that is missing, is no directory or stands twice; a writable
// directory on a file system that can hold none (overlayfs itself); more layers than the kernel
// takes (500, and before Linux 6.8 as many as fit into 255 bytes of descriptor numbers: 60).
[[nodiscard]] StepResult<UniqueFd> overlay_mount(const Spec& spec);

}  // namespace cgwarden::launcher
