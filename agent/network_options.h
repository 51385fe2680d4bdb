#pragma once

#include <string>

#include "agent/options.h"
#include "base/result.h"
#include "policy/workload.h"

namespace cgwarden::agent {

// Where the leases of networks are (launcher/network_lease.h).
[[nodiscard]] std::string network_directory(const Options& options);

// cgwarden-network: beside the shim.
[[nodiscard]] std::string network_program(const Options& options);

// invalid, with the option's name, when the bridge's name, subnet or MTU cannot be used.
[[nodiscard]] Status check_network_options(const Options& options);

// The annotation (launcher/network.h) that has the shim connect this workload; empty: nothing to
// connect. The options must have been checked.
[[nodiscard]] std::string network_annotation(const policy::WorkloadNetwork& network,
                                             const Options& options);

}  // namespace cgwarden::agent
