#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "identity/block_devices.h"
#include "identity/identity_book.h"

#include "agent/foreign_deaths.h"
#include "agent/stall_watch.h"
#include "base/clock.h"
#include "cgroup/snapshot.h"
#include "cgroup/tree.h"
#include "diagnosis/verdict.h"

namespace cgwarden::agent {

// Stalls of cgroups that are nobody's workload: held back at their own memory.high, waiting for
// what io.max lets through, out of memory with nobody to kill; forks that its pids.max or one above
// it refused, and children that were OOM-killed while the main process lives on. A verdict is of
// the systemd unit or named container that the cgroup is or is in, by its key in the store; of any
// other cgroup by its path. Two snapshots tell who may be stalled; only those are looked at,
// limits::kForeignStalls at a time. On the loop's thread.
class ForeignStalls {
 public:
  // The run in this cgroup.
  using RunOf = std::function<ForeignRun(CgroupId)>;
  // The newest OOM kills of the kernel log.
  using Kills = std::function<std::vector<diagnosis::OomRecord>()>;

  // `tree` and `clock` must outlive it.
  // `oldest` as StallWatch's.
  ForeignStalls(const cgroup::Tree& tree, const Clock& clock, StallWatch::RefusedForks forks,
                Usec oldest);

  // Every tick; `before` is the snapshot of the tick before, or nullptr.
  [[nodiscard]] std::vector<diagnosis::Verdict> observe(const cgroup::Snapshot& snapshot,
                                                        const cgroup::Snapshot* before,
                                                        const identity::Table& identities,
                                                        const identity::DeviceNames& devices,
                                                        const RunOf& run_of, const Kills& kills);

 private:
  struct Suspect {
    std::string path;
    Usec sign{0};                        // boottime of the last one
    Usec out_of_memory{0};               // boottime of the last `oom` without a kill
    Usec forks_refused{0};               // boottime of the last of its own or of those below it
    std::optional<TimePoint> born = {};  // it is new since then
    unsigned incarnation = 0;
  };
  // One of them at one tick.
  struct Look {
    const cgroup::Snapshot* snapshot;
    const cgroup::Snapshot* before;
    const identity::DeviceNames* devices;
    ForeignRun run;
    const Kills& kills;
    std::string name;
  };
  [[nodiscard]] std::vector<diagnosis::Verdict> look_at(Suspect& suspect, const Look& look);
  void find_suspects(const cgroup::Snapshot& snapshot, const cgroup::Snapshot* before, Usec now);
  void suspect(const cgroup::Sample& sample, const cgroup::Sample* before,
               std::optional<TimePoint> born, Usec now);
  // Is one above it out of memory, as it seems, with nobody to kill?
  [[nodiscard]] bool is_below_wedge(const cgroup::Sample& sample, Usec now) const;
  // Whom the kernel log names since the last tick, before a counter is read again.
  void find_refused_by_log(const cgroup::Snapshot& snapshot, const identity::Table& identities,
                           Usec now);
  // Those below the limits that refuse forks now.
  void find_refused_below(const cgroup::Snapshot& snapshot, const identity::Table& identities,
                          Usec now);
  [[nodiscard]] bool has_io_limit(const cgroup::Sample& sample, Usec now);

  const cgroup::Tree* tree_;
  StallWatch::RefusedForks forks_;
  StallWatch watch_;
  std::map<CgroupId, Suspect> suspects_;
  std::uint64_t lines_seen_ = 0;               // of refused forks: up to this sequence
  std::map<CgroupId, Usec> without_io_limit_;  // until when that is believed
};

}  // namespace cgwarden::agent
