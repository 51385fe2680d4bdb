#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "agent/event_loop.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace cgwarden::agent {

// A program that does something slow beside the loop, one run at a time. It outlives this object:
// what it does must be safe to go on alone.
class BackgroundProcess {
 public:
  // Exit status, or 128 + N when signal N ended it.
  using Done = std::function<void(int status)>;
  // words[0] is an absolute path. stdout goes to `output` (borrowed), or with -1 to /dev/null, as
  // stderr does. `done` is called from the loop, which outlives this object.
  [[nodiscard]] Status start(EventLoop& loop, std::vector<std::string> words, int output,
                             Done done);
  [[nodiscard]] bool running() const { return pid_ > 0; }

 private:
  void ended();

  pid_t pid_ = -1;
  UniqueFd pidfd_;
  EventLoop::Watch watch_;
  Done done_;
};

}  // namespace cgwarden::agent
