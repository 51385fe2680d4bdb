#pragma once

#include <string>

#include "agent/options.h"
#include "base/result.h"

namespace cgwarden::agent {

// The name under which the store knows what `text` means: a cgroup by its path ("/system.slice/x"),
// a container by 12 or more digits of its id, also one that is gone as long as it is recorded, or
// a living process by its pid. Any other text is a name itself. vanished: there is no such process.
[[nodiscard]] Result<std::string> why_target(const Options& where, const std::string& text);

}  // namespace cgwarden::agent
