#pragma once

#include "cgroup/tree.h"
#include "policy/plan.h"
#include "policy/policy.h"

namespace cgwarden::cli {

// What these policies would write into this hierarchy now, with the warnings of their files.
// Cgroups that systemd owns are skipped, with the reason.
[[nodiscard]] policy::Plan plan_now(const cgroup::Tree& tree, const policy::LoadedPolicies& loaded);

}  // namespace cgwarden::cli
