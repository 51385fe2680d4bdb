#pragma once

#include <optional>
#include <string>

#include "agent/control.h"
#include "agent/workload_files.h"
#include "base/result.h"
#include "cgroup/samples.h"
#include "cgroup/tree.h"

namespace cgwarden::agent {

// The state that a workload's files tell, with or without an agent.
[[nodiscard]] WorkloadState state_of(const WorkloadFiles& files);

// Of `cgwarden ps`; last_verdict is left to the caller, who has the store.
[[nodiscard]] WorkloadSummary summary_of(const WorkloadFiles& files);

// What only the kernel knows of it: whether it is paused.
void add_kernel_state(const cgroup::Tree& tree, WorkloadSummary& summary);

// The cgroup v2 hierarchy at `cgroup_root`, or when that is empty the one this machine has mounted.
// not_supported with what is missing and how to mend it.
[[nodiscard]] Result<cgroup::Tree> open_tree(const std::string& cgroup_root);

// "12.0 MiB of 64.0 MiB (19 %)", "12.0 MiB" without a limit; nullopt when memory is not accounted.
[[nodiscard]] std::optional<std::string> memory_text(const cgroup::Sample& sample);

}  // namespace cgwarden::agent
