#pragma once

#include <string>
#include <vector>

#include "cgroup/tree.h"
#include "diagnosis/evidence.h"

namespace cgwarden::agent {

// The largest processes of a cgroup and those below it by resident memory (/proc/PID/statm), at
// most limits::kLargestProcesses, largest first; of the first limits::kProcessesMeasured that they
// list. Some ten microseconds a process.
[[nodiscard]] std::vector<diagnosis::DeathEvidence::ProcessSize> largest_processes(
    const cgroup::Tree& tree, const std::string& cgroup);

}  // namespace cgwarden::agent
