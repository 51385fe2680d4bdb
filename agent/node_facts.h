#pragma once

#include "policy/node_facts.h"

namespace cgwarden::agent {

// What sysinfo(2), sysconf(3), /proc/sys/kernel/pid_max and /sys/block say now. What cannot be read
// is absent.
[[nodiscard]] policy::NodeFacts read_node_facts();

}  // namespace cgwarden::agent
