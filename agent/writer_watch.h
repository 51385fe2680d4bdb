#pragma once

#include <sys/types.h>

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "agent/event_loop.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "cgroup/tree.h"

namespace cgwarden::agent {

// Who wrote to a control file.
struct Writer {
  pid_t pid = -1;
  std::string command;  // /proc/PID/comm; empty: it had ended by then
  std::string cgroup;   // of the process; empty: it had ended
  Usec when{0};         // CLOCK_BOOTTIME

  // "pid 123 (systemd) in /init.scope".
  [[nodiscard]] std::string text() const;
};

// The last writer of each control file that a policy may set, as fanotify(7) tells it: FAN_MODIFY
// on the whole cgroup2 file system, which names the process. Needs CAP_SYS_ADMIN. Writes of this
// process are not kept. On the loop's thread.
class WriterWatch {
 public:
  // All must outlive it.
  [[nodiscard]] static Result<std::unique_ptr<WriterWatch>> start(EventLoop& loop,
                                                                  const Clock& clock,
                                                                  const cgroup::Tree& tree);
  WriterWatch(const WriterWatch&) = delete;
  WriterWatch& operator=(const WriterWatch&) = delete;
  ~WriterWatch() = default;

  // Takes what is told already. nullptr: nobody wrote it while this watched, or too long ago.
  [[nodiscard]] const Writer* last(std::string_view cgroup, std::string_view file);

 private:
  WriterWatch(const Clock& clock, const cgroup::Tree& tree, UniqueFd fd)
      : clock_(clock), tree_(tree), fd_(std::move(fd)) {}
  void take();
  void note(int file, pid_t pid);

  const Clock& clock_;
  const cgroup::Tree& tree_;
  UniqueFd fd_;
  EventLoop::Watch watch_;
  // By "/path/file", and in the order of their last writes.
  struct Kept {
    Writer writer;
    std::list<std::string>::iterator place;
  };
  std::map<std::string, Kept, std::less<>> writers_;
  std::list<std::string> order_;
};

}  // namespace cgwarden::agent
