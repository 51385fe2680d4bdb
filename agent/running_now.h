#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/control.h"
#include "agent/verdict_history.h"
#include "agent/workload_files.h"
#include "cgroup/samples.h"
#include "diagnosis/report.h"
#include "diagnosis/verdict.h"

// What `cgwarden why` says of a workload that lives.
namespace cgwarden::agent {

// A living workload, as `why` saw it.
struct RunningNow {
  WorkloadSummary summary;
  std::optional<cgroup::Sample> payload;  // absent: its cgroup could not be read
  // Throttling between two looks, as a sentence's part; empty: one look was enough.
  std::string latest = {};
  std::optional<diagnosis::Verdict> past_stall = {};  // of this run, and over
};

// It holds, or happened a short time ago, as far as the agent that stored it knows. `agent_runs`:
// one is there that stores the end of it, too, if late on a node that is short of CPU.
[[nodiscard]] bool is_current_stall(const diagnosis::Verdict& stall, TimePoint now,
                                    bool agent_runs);

// Its state and the counters of its payload cgroup as they are now.
[[nodiscard]] RunningNow look_now(const WorkloadFiles& files, const std::string& cgroup_root);

// The stall of now: as the agent stored it when that is fresh (frozen and stopped ones also have to
// show in the kernel), else from a second look some 1.5 s after the first, taken only when it was
// throttled before and when that is wanted. nullopt when there is none; one that is over is then in
// now.past_stall. Without a readable cgroup the stored one stands. `agent_runs`: as above.
[[nodiscard]] std::optional<diagnosis::Verdict> stall_of(const WorkloadFiles& files,
                                                         RunningNow& now, const History& history,
                                                         const std::string& cgroup_root,
                                                         bool may_look_again, bool agent_runs);

// "NAME is running since ..., no stall seen: ..." and its earlier deaths; `story`: of the last of
// them.
[[nodiscard]] std::string running_text(const RunningNow& now,
                                       const std::vector<diagnosis::Verdict>& earlier,
                                       const diagnosis::ReportStyle& style,
                                       const std::optional<diagnosis::RestartStory>& story = {});

}  // namespace cgwarden::agent
