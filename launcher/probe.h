#pragma once

#include <string>
#include <vector>

#include "launcher/oci/failure.h"

namespace cgwarden::launcher {

// `cgwarden-shim probe --state-dir DIR --timeout-msec N --port PORT [--path PATH]`: a health check
// from within the network namespace of a workload that a shim holds, at its loopback address: a TCP
// connection, or with a path an HTTP GET, which must be answered with 200 to 399. Returns 0; a
// failure has a sentence.
[[nodiscard]] oci::Outcome<int> probe_workload(const std::vector<std::string>& words);

}  // namespace cgwarden::launcher
