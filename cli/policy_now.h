#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "cgroup/snapshot.h"
#include "cgroup/tree.h"
#include "cli/commands.h"
#include "policy/original.h"
#include "policy/plan.h"
#include "policy/policy.h"

namespace cgwarden::cli {

// How long a memory.max is waited for (agent/memory_shrink.h): somebody waits at a terminal.
inline constexpr Usec kTerminalPatience{30'000'000};

// The globs of cgroups that no policy limits here (agent/ownership.h): as an agent with this
// runtime directory has it, if it runs. What this process is in is not among them, as the agent
// would write there.
[[nodiscard]] Result<std::vector<std::string>> protected_here(const Common& common);

// All cgroups with all that policies set: somebody who asks once can pay for that.
[[nodiscard]] cgroup::Snapshot read_node(const cgroup::Tree& tree);

// The journal of originals; none: there is no state directory.
[[nodiscard]] Result<std::vector<policy::Original>> originals_of(const Common& common);

// Finds the cgroups that the policies' selectors mean (policy/selector.h), as the agent would.
void select_now(const Common& common, const cgroup::Tree& tree, const cgroup::Snapshot& snapshot,
                std::vector<policy::Policy>& policies);

// What these policies would write into this hierarchy now, with effective values and the warnings
// of their files, and what `apply` gives back of devices that they no longer name. Cgroups that are
// another manager's, or protected, are skipped with the reason.
[[nodiscard]] Result<policy::Plan> plan_now(const Common& common, const cgroup::Tree& tree,
                                            policy::LoadedPolicies loaded);

}  // namespace cgwarden::cli
