#pragma once

#include <string>

#include "launcher/launch_step.h"
#include "launcher/spec.h"

namespace cgwarden::launcher {

// RLIMIT_* number of getrlimit(2); -1 for an unknown name.
[[nodiscard]] int rlimit_number(const std::string& name);
[[nodiscard]] Step set_rlimits(const Process& process);
// /proc/self/oom_score_adj (proc(5)); lowering it needs CAP_SYS_RESOURCE.
[[nodiscard]] Step set_oom_score_adj(const Process& process);

}  // namespace cgwarden::launcher
