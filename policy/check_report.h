#pragma once

#include <string>
#include <vector>

#include "policy/diagnostic.h"

namespace cgwarden::policy {

// What `policy check --json` prints: {"version": 1, "policies": N, "errors": N, "warnings": N,
// "findings": [{"rule", "severity", "file", "line", "column", "message", "hint", "source_line",
// "kernel", "fix"}]}. Line 0: the file as a whole. Rule, kernel and fix are empty for mistakes of
// form. A member may be added without a new version, none is removed or changed.
[[nodiscard]] std::string check_json(std::size_t policies,
                                     const std::vector<Diagnostic>& diagnostics);

}  // namespace cgwarden::policy
