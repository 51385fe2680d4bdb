#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"
#include "cgroup/tree.h"

namespace cgwarden::cgroup {

// An fd on memory.events, cgroup.events or pids.events that poll(2)s as POLLPRI when the file
// changes (kernfs_notify; at most one wake per 10 ms and file). Arm first, then read once: a change
// between the two is then not lost. Removal of the cgroup does not wake it (seen on 6.1 and 6.12):
// watch the parent directory for that.
class EventsWatch {
 public:
  [[nodiscard]] static Result<EventsWatch> open(const Tree& tree, std::string_view path,
                                                const std::string& file);
  [[nodiscard]] int fd() const { return fd_.get(); }
  // pread(2) from 0: the text now; also re-arms the notification. vanished once the cgroup is gone.
  [[nodiscard]] Result<std::string> read() const;

 private:
  EventsWatch(UniqueFd fd, std::string where) : fd_(std::move(fd)), where_(std::move(where)) {}
  UniqueFd fd_;
  std::string where_;
};

}  // namespace cgwarden::cgroup
