#pragma once

#include <string>

#include "base/result.h"

namespace cgwarden::agent {

// Moves this process into <unit>, a transient scope of the user's systemd. A user may move
// processes only within what was delegated to him (cgroup-v2.rst, "Delegation Containment"): a
// child that is to go into a workload's cgroup has to be born there. Blocks until systemd has done
// it. not_supported when the user's bus does not answer.
[[nodiscard]] Status enter_user_scope(const std::string& unit);

}  // namespace cgwarden::agent
