#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cgroup/snapshot.h"
#include "diagnosis/stall.h"

namespace cgwarden::agent {

// Follows each living workload over a sliding window and gives a verdict while it stalls in another
// way than by its quota (ThrottleWatch), and one for each OOM kill of a child that its main process
// outlived. Pure but for its memory.
class StallWatch {
 public:
  // Long enough for several ticks, short enough to be "now".
  static constexpr Usec kWindow{10'000'000};
  // A stall that lasts is reported again this often; its row in the store is updated.
  static constexpr Usec kReportInterval{5'000'000};
  // An OOM-killed main process shows as dead long before.
  static constexpr Usec kOutlived{2'000'000};

  struct Process {
    pid_t main_pid = -1;
    std::optional<char> state;  // of /proc/PID/stat
    diagnosis::SignalEvidence signals;
    std::vector<diagnosis::OomRecord> oom_records;
  };

  // A new incarnation, or an end.
  void forget(const std::string& workload) { tracks_.erase(workload); }
  // One tick of the workload whose payload cgroup is `payload`, with its ancestors of `snapshot`.
  [[nodiscard]] std::vector<diagnosis::Verdict> observe(const std::string& workload,
                                                        unsigned incarnation, TimePoint now,
                                                        const cgroup::Snapshot& snapshot,
                                                        const std::string& payload,
                                                        const Process& process);

 private:
  struct Moment {
    TimePoint at;
    std::vector<diagnosis::StallCgroup::Counts> counts;  // as StallEvidence::cgroups
  };
  struct Told {
    TimePoint from;
    Usec last{0};
  };
  struct Track {
    CgroupId id;
    std::deque<Moment> window;
    std::map<diagnosis::VerdictClass, Told> told;
    // When an OOM kill was counted that the main process may not outlive.
    std::optional<Moment> before_kill;
    Usec kill_seen{0};
  };
  void child_killed(Track& track, const diagnosis::StallEvidence& now,
                    std::vector<diagnosis::Verdict>& found);
  std::map<std::string, Track> tracks_;
};

// What a sample says of a stall, without the moment before.
[[nodiscard]] diagnosis::StallCgroup stall_cgroup_of(const cgroup::Sample& sample);

}  // namespace cgwarden::agent
