#pragma once

#include <string>

#include "base/result.h"

namespace cgwarden::agent {

// Does an agent run with this runtime directory (it holds agent.lock)? For whoever may read the
// lock; not_permitted for the others.
[[nodiscard]] Result<bool> agent_is_running(const std::string& runtime_dir);

}  // namespace cgwarden::agent
