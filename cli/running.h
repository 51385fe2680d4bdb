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

// The stall of now: as the agent stored it when that is fresh, else from a second look some 1.5 s
// after the first, taken only when it was throttled before. nullopt when there is none; one that is
// over is then in now.past_stall. Without a readable cgroup the stored one stands.
[[nodiscard]] std::optional<diagnosis::Verdict> stall_of(const agent::WorkloadFiles& files,
                                                         RunningNow& now, const History& history,
                                                         const std::string& cgroup_root);

// "NAME is running since ..., no stall seen: ..." and its earlier deaths.
[[nodiscard]] std::string running_text(const RunningNow& now,
                                       const std::vector<diagnosis::Verdict>& earlier,
                                       const diagnosis::ReportStyle& style);

}  // namespace cgwarden::cli
