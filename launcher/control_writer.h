#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cgroup/tree.h"
#include "launcher/cgroup_resources.h"
#include "launcher/launch_step.h"

namespace cgwarden::launcher {

// What the files that depend on each other hold before the writes; empty when a file is not there.
struct ControlsNow {
  std::string cpu_max;          // "max 100000"
  std::string memory_swap_max;  // "max"
};

// The writes in an order in which the kernel takes every single one: cpu.idle 0 before a weight
// (and no weight at all for a cgroup that is to be idle); a lower burst before the quota, a higher
// one after it; memory.swap.max before memory.max when it rises, else after it. Pure.
[[nodiscard]] std::vector<ControlWrite> in_kernel_order(std::vector<ControlWrite> writes,
                                                        const ControlsNow& now);

// Carries out the writes on the cgroup `path`, in that order, leaving alone what the kernel has
// already. Stage "cgroup", naming the file and the rule broken.
[[nodiscard]] Step apply_writes(const cgroup::Tree& tree, std::string_view path,
                                std::vector<ControlWrite> writes);

// An error of the cgroup room as the end of stage "cgroup".
[[nodiscard]] std::unexpected<LaunchError> cgroup_failure(const Error& error);

}  // namespace cgwarden::launcher
