#pragma once

#include "base/published_port.h"
#include "launcher/launch_step.h"

namespace cgwarden::launcher {

// Refuses a port on which a program of the host listens: publishing it would take its traffic away.
[[nodiscard]] Step refuse_port_in_use(const PublishedPort& port);

}  // namespace cgwarden::launcher
