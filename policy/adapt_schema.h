#pragma once

#include "policy/adapt/settings.h"
#include "policy/resources.h"
#include "policy/schema.h"

namespace cgwarden::policy {

// The block `adapt:` of a Policy.
[[nodiscard]] adapt::Settings read_adapt(const Node& node, Findings& findings);

// What a loop and a fixed value of the same policy would do to each other.
void lint_adapt(const adapt::Settings& settings, const Resources& resources, Findings& findings);

}  // namespace cgwarden::policy
