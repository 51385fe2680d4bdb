#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "policy/node_state.h"

namespace cgwarden::policy {

// Says what is wrong with a decision: its rule and a sentence.
using Say =
    std::function<void(const Decision& decision, std::string_view rule, const std::string& text)>;

// L07, L08, L12, L34, L36: CPU, cpuset and io.
void check_cpu_rules(const CgroupState& cgroup, const NodeState& node, const NodeFacts& facts,
                     const Say& say);
// L16, L18, L21, L22, L23, L24.
void check_memory_rules(const CgroupState& cgroup, const NodeFacts& facts, const Say& say);
// L33, L38.
void check_other_rules(const CgroupState& cgroup, const Say& say);
// L19, once for the machine.
void check_total_protection(const NodeState& node, const NodeFacts& facts, const Say& say);

}  // namespace cgwarden::policy
