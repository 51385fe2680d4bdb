#pragma once

#include <string>
#include <vector>

#include "launcher/oci/failure.h"
#include "launcher/state.h"

namespace cgwarden::launcher {

// `cgwarden-shim exec --state-dir DIR --cgroup-root DIR [OPTION...] COMMAND [ARG...]`: one more
// process in a workload that a shim holds: its namespaces, cgroup, root directory, seccomp filter
// and capabilities. Returns the exit status of the command, 128 + N when signal N ended it, 124
// when
// --timeout-msec did (every process of its session is killed then). A failure has 127 (not found),
// 126 (cannot be executed) or 125.
[[nodiscard]] oci::Outcome<int> exec_in_workload(const std::vector<std::string>& words);

// status.json of a workload whose command lives now; else a refusal that names it.
[[nodiscard]] oci::Outcome<RunningStatus> read_living_status(const std::string& state_dir);

}  // namespace cgwarden::launcher
