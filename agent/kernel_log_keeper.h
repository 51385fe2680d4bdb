#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/units.h"
#include "diagnosis/stored_kernel_log.h"

namespace cgwarden::agent {

// What of the kernel log goes into the store, and waits for it: all lines, until they come as a
// flood. Then a few per second, and one gap for those that are dropped. Pure but for its memory;
// its time is that of the lines.
class KernelLogKeeper {
 public:
  KernelLogKeeper();
  void add(diagnosis::KernelLogLine line);
  // Lines that nobody could read.
  void add_gap(const diagnosis::StoredKernelLogGap& gap);
  // Any record was read, stored or not.
  void read_up_to(std::uint64_t sequence) { pending_.last_sequence = sequence; }

  [[nodiscard]] bool is_empty() const { return pending_.lines.empty() && pending_.gaps.empty(); }
  [[nodiscard]] const diagnosis::StoredKernelLog& pending() const { return pending_; }
  // All that was pending is in the store.
  void stored();
  // Lines that were not kept, in all.
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

 private:
  // Tokens: `burst` at first, `per_second` more each second, never over `burst`.
  struct Bucket {
    std::size_t burst = 0;
    std::size_t per_second = 0;
    std::uint64_t used_usec = 0;  // of burst / per_second seconds
    Usec at{0};
    bool take(Usec now);
  };
  void drop(const diagnosis::KernelLogLine& line);
  void add_to(const diagnosis::StoredKernelLogGap& gap);
  void grow(const diagnosis::KmsgGap& gap, Usec wall);

  diagnosis::StoredKernelLog pending_;
  Bucket kills_;
  Bucket others_;
  bool of_kill_ = false;  // the line before, which a continuation belongs to
  bool kept_ = true;
  bool dropping_ = false;  // the newest pending gap is of dropped lines and may grow
  std::uint64_t dropped_ = 0;
};

}  // namespace cgwarden::agent
