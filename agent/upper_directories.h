#pragma once

#include <set>
#include <string>

#include "agent/background_process.h"
#include "agent/event_loop.h"
#include "base/result.h"

namespace cgwarden::agent {

// <state dir>/overlay/NAME: what the workload NAME with `layers` has written ("upper"), and what
// overlayfs needs beside it ("work"). It lasts from a launch over all restarts until the workload
// is forgotten or launched anew.
[[nodiscard]] std::string upper_directory(const std::string& state_dir, const std::string& name);

// Makes and removes them. Removing renames at once and deletes later, by rm(1) in a process of its
// own: a workload may have left millions of files, and directories deeper than any recursion. What
// an agent that was killed has left is deleted at the next removal of any.
class UpperDirectories {
 public:
  // `loop` outlives it.
  UpperDirectories(EventLoop& loop, std::string state_dir);
  UpperDirectories(const UpperDirectories&) = delete;
  UpperDirectories& operator=(const UpperDirectories&) = delete;

  // The directory, made when it is not there; for root alone.
  [[nodiscard]] Result<std::string> make(const std::string& name);
  // One that is not there is none to remove. The workload must not run.
  void discard(const std::string& name);
  // Of every workload but these, and what earlier removals did not finish.
  void discard_all_but(const std::set<std::string>& names);

 private:
  void remove_discarded();
  void removed(int status);

  EventLoop& loop_;
  std::string directory_;
  std::string discarded_;
  unsigned count_ = 0;
  BackgroundProcess remover_;
  bool again_ = false;  // more was discarded while rm was at work
};

// Removes one and waits until it is gone: for a process without a loop. None there is success.
[[nodiscard]] Status remove_upper(const std::string& state_dir, const std::string& name);

}  // namespace cgwarden::agent
