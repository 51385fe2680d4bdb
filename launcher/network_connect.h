#pragma once

#include "launcher/network_request.h"

namespace cgwarden::launcher {

// What cgwarden-network does for one request. Every add and remove of a mode that keeps leases
// first sweeps the stale ones, so that what a killed launch left behind is in nobody's way.
[[nodiscard]] StepResult<NetworkAnswer> carry_out(const NetworkRequest& request);

}  // namespace cgwarden::launcher
