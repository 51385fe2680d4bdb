#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "identity/block_devices.h"
#include "identity/identity_book.h"

#include "agent/stall_watch.h"
#include "base/clock.h"
#include "cgroup/snapshot.h"
#include "cgroup/tree.h"
#include "diagnosis/verdict.h"

namespace cgwarden::agent {

// Stalls of cgroups that are nobody's workload: held back at their own memory.high, waiting for
// what io.max lets through, out of memory with nobody to kill. A verdict is of the systemd unit or
// named container that the cgroup is or is in, by its key in the store; of any other cgroup by its
// path. Two snapshots tell who may be stalled; only those are looked at, limits::kForeignStalls at
// a time. On the loop's thread.
class ForeignStalls {
 public:
  // Of the run in this cgroup; 0: not counted.
  using IncarnationOf = std::function<unsigned(CgroupId)>;

  // `tree` and `clock` must outlive it.
  ForeignStalls(const cgroup::Tree& tree, const Clock& clock);

  // Every tick; `before` is the snapshot of the tick before, or nullptr.
  [[nodiscard]] std::vector<diagnosis::Verdict> observe(const cgroup::Snapshot& snapshot,
                                                        const cgroup::Snapshot* before,
                                                        const identity::Table& identities,
                                                        const identity::DeviceNames& devices,
                                                        const IncarnationOf& incarnation_of);

 private:
  struct Suspect {
    std::string path;
    Usec sign{0};  // boottime of the last one
  };
  void find_suspects(const cgroup::Snapshot& snapshot, const cgroup::SampleList& before, Usec now);
  void suspect(const cgroup::Sample& sample, const cgroup::Sample* before, Usec now);
  [[nodiscard]] bool has_io_limit(const cgroup::Sample& sample, Usec now);

  const cgroup::Tree* tree_;
  StallWatch watch_;
  std::map<CgroupId, Suspect> suspects_;
  std::map<CgroupId, Usec> without_io_limit_;  // until when that is believed
};

}  // namespace cgwarden::agent
