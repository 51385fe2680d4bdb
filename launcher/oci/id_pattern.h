#pragma once

#include <string>
#include <vector>

#include "launcher/oci/failure.h"

namespace cgwarden::launcher::oci {

// Ids of the containers below `root` in which the extended regular expression (regex(7)) matches
// anywhere, sorted. Fails with kUsage when it is none.
[[nodiscard]] Outcome<std::vector<std::string>> ids_matching(const std::string& root,
                                                             const std::string& pattern);

}  // namespace cgwarden::launcher::oci
