#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "launcher/launch_step.h"
#include "launcher/spec.h"

namespace cgwarden::launcher {

// Number of a capability of capabilities(7) ("CAP_KILL" -> 5); -1 for an unknown name.
[[nodiscard]] int capability_number(const std::string& name);

// All of them, by number.
[[nodiscard]] std::vector<std::string> capability_names();

// One bit per capability.
struct CapabilitySets {
  std::uint64_t bounding = 0;
  std::uint64_t effective = 0;
  std::uint64_t inheritable = 0;
  std::uint64_t permitted = 0;
  std::uint64_t ambient = 0;
};
// An unknown name is refused by name, stage "capabilities".
[[nodiscard]] StepResult<CapabilitySets> capability_sets(const Capabilities& capabilities);

// Sentences on what apply_capabilities() will leave out, for the log. In a new user namespace its
// creator has every capability.
[[nodiscard]] std::vector<std::string> capability_warnings(const Capabilities& capabilities,
                                                           bool new_user_namespace);

// Before the user changes: drops what is not in the bounding set and keeps the rest over setuid(2).
[[nodiscard]] Step limit_bounding_set(const CapabilitySets& sets);
// After the user has changed: effective, permitted, inheritable, then ambient. What cannot be
// granted is left out, as the runtime-spec asks ("SHOULD NOT fail"): what this process does not
// have itself, effective without permitted, ambient without permitted and inheritable.
[[nodiscard]] Step apply_capabilities(const CapabilitySets& sets);

}  // namespace cgwarden::launcher
