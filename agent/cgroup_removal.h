#pragma once

#include <functional>
#include <string>

#include "agent/event_loop.h"
#include "base/result.h"
#include "base/units.h"
#include "cgroup/tree.h"

namespace cgwarden::agent {

// Ends every process in a cgroup and below, and removes the cgroups below it, bottom-up. SIGKILL
// takes the kernel some time, so what does not go at once is tried again from the loop until it
// has gone; a process in an uninterruptible sleep may take for ever.
//
//   removal.start(loop, tree, "/a.scope", [](const Status& late) { ... }, [] { ... });
//   if (!removal.pending()) ...   // it was empty: all is done and nothing will be called
class CgroupRemoval {
 public:
  // After this it is said, once, and tried less often. Far above what a kill takes on a busy
  // machine.
  static constexpr Usec kLate{10'000'000};

  using Late = std::function<void(const Error& why)>;
  using Done = std::function<void()>;
  // `tree` and `loop` outlive it. `late` (kLate has passed) and `done` are called from the loop.
  void start(EventLoop& loop, const cgroup::Tree& tree, std::string path, Late late, Done done);
  [[nodiscard]] bool pending() const { return timer_.active(); }

 private:
  [[nodiscard]] Status attempt() const;
  void again();
  [[nodiscard]] Status arm(Usec interval);

  EventLoop* loop_ = nullptr;
  const cgroup::Tree* tree_ = nullptr;
  std::string path_;
  Late late_;
  Done done_;
  unsigned attempts_ = 0;
  EventLoop::Timer timer_;
};

}  // namespace cgwarden::agent
