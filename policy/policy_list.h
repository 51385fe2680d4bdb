#pragma once

#include <string>
#include <vector>

#include "cgroup/snapshot.h"
#include "policy/policy.h"

// All policies of a machine at a glance: where each comes from, and for how many cgroups it is.
namespace cgwarden::policy {

// In the order of precedence, which decides each knob.
[[nodiscard]] std::string render_policies(const std::vector<Policy>& policies,
                                          const cgroup::Snapshot& snapshot);
// {"version": 1, "policies": [...]}
[[nodiscard]] std::string policies_json(const std::vector<Policy>& policies,
                                        const cgroup::Snapshot& snapshot);

}  // namespace cgwarden::policy
