#pragma once

#include "policy/resources.h"
#include "policy/schema.h"

namespace cgwarden::policy {

// The blocks of `map`, with their values and positions. Once nothing more comes (of a template),
// lint_resources() says how they stand to each other.
[[nodiscard]] Resources read_resources(MapReader& map, Findings& findings);

// What the kernel would refuse (an error) or take without effect (a warning) because of how values
// stand to each other.
void lint_resources(const Resources& resources, Findings& findings);

}  // namespace cgwarden::policy
