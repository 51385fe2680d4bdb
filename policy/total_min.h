#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cgroup/snapshot.h"
#include "policy/node_facts.h"
#include "policy/plan.h"

namespace cgwarden::policy {

// What memory.min of all cgroups may be together, in bytes: more leaves the others, and the kernel,
// nothing. Absent where the machine's memory is not known.
[[nodiscard]] std::optional<std::uint64_t> most_min(const NodeFacts& facts);

// For L19.
[[nodiscard]] std::string total_min_text(std::uint64_t total, const NodeFacts& facts);

// Makes skips (L19) of the writes that raise a memory.min directly below the root where the plan
// would promise more than that; what is deeper protects no more than these let it. Writes of mode
// plan are looked at beside the enforced ones, and those without them.
void skip_raised_min(const cgroup::Snapshot& snapshot, const NodeFacts& facts, Plan& plan);

}  // namespace cgwarden::policy
