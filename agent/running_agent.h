#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/result.h"

namespace cgwarden::agent {

// Does an agent run with this runtime directory (it holds agent.lock)? For whoever may read the
// lock; not_permitted for the others.
[[nodiscard]] Result<bool> agent_is_running(const std::string& runtime_dir);

// The agent with this runtime directory, as the kernel tells who holds the lock (/proc/locks),
// which anybody may read. nullopt: none runs, or it is in a pid namespace that is not seen from
// here.
[[nodiscard]] std::optional<pid_t> agent_pid(const std::string& runtime_dir);

}  // namespace cgwarden::agent
