#pragma once

#include <vector>

#include "cgroup/snapshot.h"
#include "policy/diagnostic.h"
#include "policy/node_facts.h"
#include "policy/plan.h"
#include "policy/policy.h"

namespace cgwarden::policy {

// The rules of scope `node` (lint_rules.h) that plan() does not tell of itself: warnings about how
// the values these policies want stand to what is on this machine, as if all were in force. A rule
// whose facts are not known is silent. Of severity error where the rule has that: plan() skips what
// it would write. One finding for each policy, knob and rule, naming the first
// cgroup and the number of the others. Pure. Linear in the cgroups, but for protections: those add
// up all siblings.
[[nodiscard]] std::vector<Diagnostic> lint_node(const cgroup::Snapshot& snapshot,
                                                const std::vector<Policy>& policies,
                                                const NodeFacts& facts);

// L41 of policies whose limits (first_limit() of protection.h) are of a cgroup that holds something
// protected: they are legal, and bind that too. One for each policy. Pure.
[[nodiscard]] std::vector<Diagnostic> lint_protected(const cgroup::Snapshot& snapshot,
                                                     const std::vector<Policy>& policies,
                                                     const Ownership& owner_of);

}  // namespace cgwarden::policy
