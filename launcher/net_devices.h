#pragma once

#include <sys/types.h>

#include "launcher/launch_step.h"
#include "launcher/spec.h"

namespace cgwarden::launcher {

// linux.netDevices needs a network namespace that is made or joined.
[[nodiscard]] Step check_net_devices(const Spec& spec);

// Moves them (network_devices.h) into the network namespace of the spec: the one at its path, else
// that of `child`, which was born in it. Starts cgwarden-network only when there are any.
[[nodiscard]] Step move_net_devices(const Spec& spec, pid_t child);

}  // namespace cgwarden::launcher
