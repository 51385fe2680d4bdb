#pragma once

#include <cstddef>

#include "base/result.h"
#include "base/units.h"

namespace cgwarden::agent {

// When sampling.collector is auto: whether the next ticks take values from the BPF program, which
// holds the kernel's cgroup_mutex while it walks (kernel/bpf/cgroup_iter.c), or from files. Pure.
class AutomaticCollector {
 public:
  enum class Step { stay, open, close };

  // Loading the program has its price, which an agent that is started for a moment need not pay.
  explicit AutomaticCollector(Usec started);

  // Before a tick while the hierarchy has so many cgroups, all of which are walked. open: to load
  // the program, which is not asked for again before opened() or failed(), nor while it is
  // `in_use`; close: to drop it for a while, as there are too many cgroups or the last walks took
  // too long.
  [[nodiscard]] Step before_tick(Usec boottime, std::size_t cgroups, bool in_use);
  void opened() { opening_ = false; }
  // It is asked for again after a while if the reason may pass: no memory, no descriptor, no thread
  // to be had. No BTF or no permission do not pass. True: it is.
  bool failed(Usec boottime, const Error& reason);
  // What the longest walk of a tick took; one that failed is no better than a slow one.
  void walked(Usec took, bool told);

 private:
  Usec next_try_;
  unsigned slow_walks_ = 0;  // in a row
  bool opening_ = false;
  bool possible_ = true;
};

}  // namespace cgwarden::agent
