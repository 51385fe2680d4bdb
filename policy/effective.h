#pragma once

#include <optional>
#include <string_view>

#include "policy/node_facts.h"
#include "policy/node_state.h"
#include "policy/plan.h"

namespace cgwarden::policy {

// What `file` of this cgroup is worth below its ancestors, in the state it is part of; see
// add_effective(). nullopt for other files, and where a value it depends on is not known.
[[nodiscard]] std::optional<Effective> effective_of(const CgroupState& cgroup,
                                                    std::string_view file, const NodeFacts& facts);

}  // namespace cgwarden::policy
