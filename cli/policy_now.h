#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cgroup/tree.h"
#include "policy/plan.h"

namespace cgwarden::cli {

// What the policies of these files would write into this hierarchy now. Cgroups that systemd owns
// are skipped, with the reason.
[[nodiscard]] Result<policy::Plan> plan_now(const cgroup::Tree& tree,
                                            const std::vector<std::string>& paths);

}  // namespace cgwarden::cli
