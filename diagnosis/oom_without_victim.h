#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/units.h"
#include "cgroup/snapshot.h"

namespace cgwarden::diagnosis {

// Finds cgroups whose memory limit is hit while the kernel kills nobody, because all of their
// processes are protected (oom_score_adj -1000) or cannot die: memory.events counts `oom` and no
// `oom_kill`. Processes there hang or get ENOMEM, which no other event tells of. Pure but for its
// memory.
class OomWithoutVictim {
 public:
  // A kill follows its `oom` within moments, but a victim that hangs may take longer to be gone.
  static constexpr Usec kPatience{3'000'000};
  // The kernel tries again without end: what goes on is told of so often.
  static constexpr Usec kAgain{60'000'000};

  struct Found {
    std::string path;
    CgroupId id;
    std::uint64_t times = 0;  // `oom` since the last kill, or since it was told of
  };
  // What was counted before the first call is no news. Of cgroups above one another the lowest.
  [[nodiscard]] std::vector<Found> observe(const cgroup::Snapshot& snapshot);

 private:
  struct Entry {
    std::uint64_t ooms = 0;
    std::uint64_t kills = 0;
    std::uint64_t waiting = 0;  // `oom` without a kill since
    Usec due{0};
    Usec quiet_until{0};  // a kill before explains what was counted late
    std::uint64_t round = 0;
  };
  void count(Entry& entry, std::uint64_t ooms, std::uint64_t kills, Usec now);

  std::unordered_map<std::uint64_t, Entry> entries_;  // by cgroup id, with an `oom` only
  std::uint64_t round_ = 0;
};

}  // namespace cgwarden::diagnosis
