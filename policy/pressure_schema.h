#pragma once

#include <vector>

#include "cgroup/pressure_trigger.h"
#include "policy/schema.h"

namespace cgwarden::policy {

// The `watch` block of a Policy: {pressure: {memory: {some: 150ms, window: 2s}}}. What the kernel
// would refuse (kernel/sched/psi.c psi_trigger_create()) is reported where it stands.
[[nodiscard]] std::vector<cgroup::PressureThreshold> read_watch(const Node& node,
                                                                Findings& findings);

}  // namespace cgwarden::policy
