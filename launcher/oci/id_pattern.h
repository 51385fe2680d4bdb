#pragma once

#include <functional>
#include <string>
#include <vector>

#include "launcher/oci/failure.h"

namespace cgwarden::launcher::oci {

// Ids of the containers below `root` in which the extended regular expression (regex(7)) matches
// anywhere, sorted. Fails with kUsage when it is none.
[[nodiscard]] Outcome<std::vector<std::string>> ids_matching(const std::string& root,
                                                             const std::string& pattern);

// Carries `what` out for each, also after one has failed: each failure is logged, and the exit code
// then is 1.
[[nodiscard]] int each_of(const std::vector<std::string>& ids,
                          const std::function<Outcome<void>(const std::string& id)>& what);

}  // namespace cgwarden::launcher::oci
