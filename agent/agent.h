#pragma once

#include "agent/options.h"
#include "base/result.h"

namespace cgwarden::agent {

// Runs the daemon in the foreground until SIGTERM or SIGINT. Workloads keep running when it ends.
// Returns an error that kept it from starting (missing controllers, second agent, address in use,
// not root); later failures are logged and counted.
[[nodiscard]] Status run(const Options& options);

}  // namespace cgwarden::agent
