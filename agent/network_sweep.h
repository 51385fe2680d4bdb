#pragma once

#include <sys/types.h>

#include <string>

#include "agent/event_loop.h"
#include "base/unique_fd.h"

namespace cgwarden::agent {

// Has cgwarden-network undo the networks of workloads that are gone and did not do it themselves:
// their shim was killed. It also puts back rules of the living that somebody else removed, and has
// CNI plugins check theirs. Runs in the background; failures are logged. On the loop thread.
class NetworkSweep {
 public:
  // `loop` outlives it.
  NetworkSweep(EventLoop& loop, std::string program, std::string directory)
      : loop_(loop), program_(std::move(program)), directory_(std::move(directory)) {}

  // Does nothing when no lease is there: of anybody with an empty name, else of that workload.
  // While a sweep runs, another follows it.
  void start(const std::string& name = {});

 private:
  [[nodiscard]] bool has_lease(const std::string& name) const;
  [[nodiscard]] Status spawn();
  void ended();
  EventLoop& loop_;
  std::string program_;
  std::string directory_;
  pid_t pid_ = -1;
  UniqueFd pidfd_;
  UniqueFd answer_;
  EventLoop::Watch watch_;
  bool again_ = false;
};

}  // namespace cgwarden::agent
