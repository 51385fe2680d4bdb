#pragma once

#include <sys/types.h>

#include "base/unique_fd.h"
#include "launcher/launch_step.h"
#include "launcher/oci/container.h"

namespace cgwarden::launcher::oci {

// Sends the seccomp listener of a container's process over linux.seccomp.listenerPath
// (config-linux.md "The Container Process State").
[[nodiscard]] Step hand_over_listener(const Spec& spec, const ContainerRecord& record, pid_t pid,
                                      const UniqueFd& listener);

}  // namespace cgwarden::launcher::oci
