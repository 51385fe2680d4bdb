#pragma once

#include <string>

#include "agent/control.h"
#include "agent/workload_files.h"

namespace cgwarden::agent {

// The document of `cgwarden inspect --json`: the summary, the workload as its file describes it,
// and how its last run ended. Has "version"; a member may be added without a new one. Times are
// microseconds since the epoch. The environment is left out: it may hold secrets.
[[nodiscard]] std::string inspect_json(const WorkloadSummary& summary, const WorkloadFiles& files);

}  // namespace cgwarden::agent
