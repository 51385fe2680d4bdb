#pragma once

#include <string>
#include <vector>

#include "launcher/network_lease.h"

namespace cgwarden::launcher {

// The nftables commands (nft(8)) that bring the table `inet <bridge>` to what the leases of that
// bridge need, in one transaction: published ports (from outside, from the host itself and from
// the workloads), masquerading of what leaves the subnet, and a guard of the workloads' other
// ports. Without a lease of the bridge: its removal. The same text may be run any number of times.
[[nodiscard]] std::string ruleset(const std::string& bridge, const std::vector<Lease>& leases);

}  // namespace cgwarden::launcher
