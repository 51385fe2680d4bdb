#pragma once

#include <memory>

#include "launcher/launch_step.h"
#include "launcher/spec.h"

namespace cgwarden::launcher {

// A new network namespace, made by a thread while the child mounts its file systems: the kernel
// takes longer for it than for all other namespaces together.
class NetworkAhead {
 public:
  // True when the spec makes a network namespace that need not belong to a user namespace of its
  // own, has none that a process with a second thread cannot enter (setns(2): time, and mount by
  // path), leaves a thread room in the container's cgroup, and another processor is there. Not with
  // the built-in init, whose command is process 2.
  [[nodiscard]] static bool fits(const Spec& spec);

  // Begins. The thread shares the root and the working directory of its process: enter() comes
  // before either is changed.
  NetworkAhead();
  NetworkAhead(const NetworkAhead&) = delete;
  NetworkAhead& operator=(const NetworkAhead&) = delete;
  ~NetworkAhead();

  // Waits for the namespace and goes into it, where `lo` is up; does nothing the second time.
  [[nodiscard]] Step enter();

 private:
  struct Maker;
  std::unique_ptr<Maker> maker_;
};

}  // namespace cgwarden::launcher
