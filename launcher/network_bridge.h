#pragma once

#include "launcher/network_lease.h"

// Network mode "bridge": a bridge interface on the host, for each workload a veth pair to it, and
// the table of network_ruleset.h. All of it follows from the leases: what is there without one is
// removed, what is missing is made.
namespace cgwarden::launcher {

// Gives the workload an address, a lease and its interface `eth0`. On failure all of it is undone.
[[nodiscard]] StepResult<NetworkAnswer> connect_to_bridge(LeaseBook& book,
                                                          const NetworkRequest& request);

// Puts back what may have been taken away while the bridge of this living lease is in use: its
// address, the settings of the kernel and the table.
[[nodiscard]] Step mend_bridge(const LeaseBook& book, const Lease& lease);

// Undoes it; parts that are not there are no error. The lease goes last, the bridge and the table
// with the last lease of the bridge.
[[nodiscard]] Step disconnect_from_bridge(LeaseBook& book, const Lease& lease);

}  // namespace cgwarden::launcher
