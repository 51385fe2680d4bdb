#pragma once

#include <sys/types.h>

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "base/units.h"
#include "cgroup/snapshot.h"
#include "cgroup/tree.h"

namespace cgwarden::agent {

// Whether a cgroup that a policy had killed has emptied. cgroup.kill sends SIGKILL and waits for
// nobody (cgroup-v2.rst): a task in an uninterruptible sleep lives on, and what it holds is not
// free. Whoever is started in the cgroup afterwards does not count.
class KillCheck {
 public:
  // So long a killed task may take to end: it frees its memory first.
  static constexpr Usec kPatience{10'000'000};

  struct Killed {
    std::string policy;
    std::string cgroup;
    CgroupId id;
    Usec at{0};                    // boottime
    std::vector<pid_t> processes;  // that were there
  };
  struct Left {
    Killed kill;
    std::vector<pid_t> alive;  // of its processes, never none
  };
  // Of a cgroup that was killed, those of `processes` that are still in it or below it.
  using StillThere = std::function<std::vector<pid_t>(const Killed& kill)>;

  // The oldest of more than limits::kPolicyKills is forgotten.
  void killed(Killed kill);
  // Those whose time is over and that did not empty, each told once.
  [[nodiscard]] std::vector<Left> look(Usec now, const StillThere& still_there);

 private:
  std::deque<Killed> waiting_;
};

// The processes of a cgroup and of those below it as the snapshot has them, of
// limits::kProcessesMeasured of them at most.
[[nodiscard]] std::vector<pid_t> processes_below(const cgroup::Tree& tree,
                                                 const cgroup::Snapshot& snapshot,
                                                 const std::string& path);

}  // namespace cgwarden::agent
