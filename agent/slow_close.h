#pragma once

#include <memory>

#include "base/unique_fd.h"

namespace cgwarden::agent {

// Closes descriptors whose close(2) takes long (a PSI trigger's waits for an RCU grace period) in a
// thread of its own. What is left at the end is closed there too, or by the kernel.
class SlowClose {
 public:
  SlowClose();
  SlowClose(const SlowClose&) = delete;
  SlowClose& operator=(const SlowClose&) = delete;
  ~SlowClose();
  // Does not wait. Where no thread can be had it is closed here.
  void close(UniqueFd fd);

 private:
  struct Shared;
  static void work(const std::shared_ptr<Shared>& shared);
  std::shared_ptr<Shared> shared_;
  bool started_ = false;
};

}  // namespace cgwarden::agent
