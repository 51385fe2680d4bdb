#pragma once

#include <string>

#include "agent/workload_files.h"
#include "base/result.h"
#include "cli/commands.h"

// A workload that a command is given by name, and who has a say over it.
namespace cgwarden::cli {

// Its files; vanished also for what cannot be a name.
[[nodiscard]] Result<agent::WorkloadFiles> find_workload(const Common& common,
                                                         const std::string& name);

// Says why, and gives the exit code: no_such_workload when it has vanished.
[[nodiscard]] int failed_for(const Common& common, const std::string& name, const Error& error);

// True when no agent has it: it runs in the foreground of somebody, or no agent runs.
[[nodiscard]] bool is_ours_to_end(const Common& common, const agent::WorkloadFiles& files);

}  // namespace cgwarden::cli
