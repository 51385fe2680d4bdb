#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/workload_files.h"
#include "cli/history.h"
#include "cli/json_output.h"
#include "diagnosis/report.h"
#include "diagnosis/verdict.h"

// What `cgwarden why` says of a workload that lives.
namespace cgwarden::cli {

// Its state and the counters of its payload cgroup as they are now.
[[nodiscard]] RunningNow look_now(const agent::WorkloadFiles& files,
                                  const std::string& cgroup_root);

// The stall of this incarnation: with the figures of the whole incarnation when these make one,
// else as the agent stored it; nullopt when there is none.
[[nodiscard]] std::optional<diagnosis::Verdict> stall_of(const agent::WorkloadFiles& files,
                                                         const RunningNow& now,
                                                         const History& history);

// "NAME is running since ..., no stall seen: ..." and its earlier deaths.
[[nodiscard]] std::string running_text(const RunningNow& now,
                                       const std::vector<diagnosis::Verdict>& earlier,
                                       const diagnosis::ReportStyle& style);

}  // namespace cgwarden::cli
