#pragma once

#include <vector>

#include "policy/findings.h"
#include "policy/policy.h"

namespace cgwarden::policy {

// The rules about what a policy matches: systemd's units, sessions, what must run (L05, L09, L23,
// L41, L42).
void lint_policy(const Policy& policy, Findings& findings);

// Policies of one priority that match by the same globs, one of each key of `match`, and want a
// knob differently (L33), by a value, a percentage or a loop: a warning at the loser's knob. Globs
// that overlap without being equal are found by `policy plan`.
[[nodiscard]] std::vector<Diagnostic> find_conflicts(const std::vector<Policy>& policies);

}  // namespace cgwarden::policy
