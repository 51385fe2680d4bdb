#pragma once

#include <map>
#include <string>

#include "launcher/network_request.h"

namespace cgwarden::launcher {

// linux.netDevices (config-linux.md of runtime-spec 1.3): moves each interface of the host into the
// network namespace at that path, under the name given for it (empty: its own), with its
// permanent global addresses, and brings it up there. Either all move or none: what was moved
// before a failure is brought back. Refuses an interface that is not there, lo, and a name that is
// taken.
[[nodiscard]] Step move_devices(const std::map<std::string, std::string>& devices,
                                const std::string& network_namespace);

}  // namespace cgwarden::launcher
