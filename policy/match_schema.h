#pragma once

#include "policy/policy.h"
#include "policy/schema.h"

namespace cgwarden::policy {

// The block `match:` of a Policy, into its globs and its selector.
void read_match(const Node& node, Policy& policy, Findings& findings);

}  // namespace cgwarden::policy
