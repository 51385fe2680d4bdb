#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cgroup/snapshot.h"
#include "cgroup/tree.h"
#include "cli/commands.h"
#include "policy/plan.h"
#include "policy/policy.h"

namespace cgwarden::cli {

// The globs of cgroups that no policy limits here (agent/ownership.h): as an agent with this
// runtime directory has it, if it runs. What this process is in is not among them, as the agent
// would write there.
[[nodiscard]] Result<std::vector<std::string>> protected_here(const Common& common);

// All cgroups with all that policies set: somebody who asks once can pay for that.
[[nodiscard]] cgroup::Snapshot read_node(const cgroup::Tree& tree);

// Finds the cgroups that the policies' selectors mean (policy/selector.h), as the agent would.
void select_now(const Common& common, const cgroup::Tree& tree, const cgroup::Snapshot& snapshot,
                std::vector<policy::Policy>& policies);

// What these policies would write into this hierarchy now, with effective values and the warnings
// of their files. Cgroups that are another manager's, or protected, are skipped with the reason.
[[nodiscard]] Result<policy::Plan> plan_now(const Common& common, const cgroup::Tree& tree,
                                            policy::LoadedPolicies loaded);

}  // namespace cgwarden::cli
