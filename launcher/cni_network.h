#pragma once

#include "launcher/network_lease.h"

// Network mode "cni": the plugins of a network configuration list, called in order for ADD, each
// with the result of the one before, and in reverse for DEL with the cached result and
// configuration (CNI specification 1.0, section 4).
namespace cgwarden::launcher {

// On failure of a plugin DEL is called for all of them.
[[nodiscard]] StepResult<NetworkAnswer> connect_to_cni(LeaseBook& book,
                                                       const NetworkRequest& request);
// Calls CHECK of all, where the network allows it (section 4, "Check").
[[nodiscard]] Step check_cni(const Lease& lease);
// The lease stays when a plugin fails, so that it is tried again.
[[nodiscard]] Step disconnect_from_cni(LeaseBook& book, const Lease& lease);

}  // namespace cgwarden::launcher
