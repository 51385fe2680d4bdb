#pragma once

#include <poll.h>
#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cgroup/events_watch.h"
#include "cgroup/tree.h"
#include "launcher/state.h"

namespace cgwarden::launcher {

// Keeps the OOM counters of the payload and of the cgroups above it as they stood at a moment which
// the command is known to have outlived: what was counted up to then did not kill it. Without that
// an OOM kill of a child weeks ago cannot be told from the cause of today's SIGKILL.
//
// A change of memory.events (of an ancestor: of memory.events.local, so that neighbours wake
// nobody) is read at once and judged a second later, when a process that the kernel had chosen
// would be dead or dying. While it waits for that it is not woken again: at most one look a second.
class OomWatch {
 public:
  // Until anything changes, the counters of `captures` (their `before`) at `started` stand.
  // `processes`: the command and the init above it; one that is being killed ends the judging.
  OomWatch(const cgroup::Tree& tree, const std::vector<CgroupCapture>& captures,
           std::vector<pid_t> processes, TimePoint started);

  // The fds to poll now, appended.
  void add_polls(std::vector<pollfd>& polls) const;
  // What poll(2) takes: -1 when no judgement is due.
  [[nodiscard]] int timeout_msec(Usec now) const;
  // After poll(2) with these fds.
  void look(const std::vector<pollfd>& polled, TimePoint now);
  // ExitRecord::outlived and CgroupCapture::outlived; neither when the payload cannot be watched.
  void write_to(ExitRecord& record) const;

 private:
  struct Watched {
    std::string path;
    std::map<std::string, cgroup::EventsWatch> files;
    bool payload = false;
  };
  // Texts of the watched files, by cgroup path and file.
  using Texts = std::map<std::string, std::map<std::string, std::string>>;
  struct Moment {
    TimePoint at;
    Texts texts;
  };
  [[nodiscard]] static const cgroup::EventsWatch* polled_file(const Watched& watched);
  [[nodiscard]] Texts read_all();

  std::vector<Watched> watched_;
  std::vector<pid_t> processes_;
  Moment outlived_;
  std::optional<Moment> candidate_;
  Usec judge_at_{0};
};

// Is the process neither dead nor dying, with no SIGKILL pending? False when it cannot be seen.
[[nodiscard]] bool is_unharmed(pid_t pid);

}  // namespace cgwarden::launcher
