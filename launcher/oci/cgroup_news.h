#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "cgroup/events_watch.h"
#include "launcher/container_cgroup.h"

namespace cgwarden::launcher::oci {

// What the kernel says of a container's cgroup of its own accord: OOM kills (memory.events, with
// those of the cgroups below it) and that its last process has gone (cgroup.events).
class CgroupNews {
 public:
  struct News {
    bool oom_kill = false;  // one or more since the last look
    bool empty = false;     // no process is left, or no cgroup
  };

  // Tells of what happens from now on. Without a memory controller there are no OOM kills to tell
  // of. vanished when the cgroup is gone.
  [[nodiscard]] static Result<CgroupNews> open(const ContainerCgroup& cgroup);
  // Waits for either, at most until `deadline`; then neither is true. A cgroup that is removed
  // within 10 ms of its last process may be found gone only at the deadline (EventsWatch).
  [[nodiscard]] Result<News> wait(std::chrono::steady_clock::time_point deadline);

 private:
  CgroupNews(cgroup::EventsWatch cgroup_events, std::optional<cgroup::EventsWatch> memory_events)
      : cgroup_events_(std::move(cgroup_events)), memory_events_(std::move(memory_events)) {}
  [[nodiscard]] Result<News> look();

  cgroup::EventsWatch cgroup_events_;
  std::optional<cgroup::EventsWatch> memory_events_;
  std::uint64_t oom_kills_ = 0;
};

}  // namespace cgwarden::launcher::oci
