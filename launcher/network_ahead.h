#pragma once

#include <memory>

#include "base/unique_fd.h"
#include "launcher/launch_step.h"
#include "launcher/spec.h"

namespace cgwarden::launcher {

// A new network namespace, made by a thread while its process does all else that comes before a
// child can need it: the kernel takes longer for it than for all other namespaces together.
//
// A child that is made meanwhile (clone3(2)) has a copy of libc's list of threads, in which there
// is one more than it has: setresuid(3) and its like would wait for that one (isolate.cpp).
class NetworkAhead {
 public:
  // True when the spec makes a network namespace that need not belong to a user namespace of its
  // own, mounts something before it is entered, and another processor is there. Not where others
  // share the pid namespace: the kernel lets everybody read /proc/PID/net, that is the host's of a
  // child that is not yet in its own.
  [[nodiscard]] static bool fits(const Spec& spec);

  NetworkAhead();  // begins
  NetworkAhead(const NetworkAhead&) = delete;
  NetworkAhead& operator=(const NetworkAhead&) = delete;
  ~NetworkAhead();

  // Waits. The namespace, in which `lo` is up; invalid when it could not be made.
  [[nodiscard]] UniqueFd take();

 private:
  struct Maker;
  std::unique_ptr<Maker> maker_;
};

// Goes into `made`; where that is invalid into a new one, about which the kernel says why it cannot
// be made.
[[nodiscard]] Step enter_new_network(const UniqueFd& made);

}  // namespace cgwarden::launcher
