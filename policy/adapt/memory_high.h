#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/units.h"

namespace cgwarden::policy::adapt {

struct MemoryHighTargets {
  Usec pressure{10'000};  // of memory.pressure some, put up with in each `window`
  Usec window{6'000'000};
  double most_probe = 0.01;   // lowering at once, of memory.high
  double most_backoff = 1.0;  // raising at once
  Bytes floor{100ULL << 20U};
  Bytes ceiling{100ULL << 30U};
  double room = 1.05;  // never below so many times the unreclaimable bytes
  bool operator==(const MemoryHighTargets&) const = default;
};

struct MemoryHighInputs {
  CgroupId id;
  Usec now{0};                 // boottime
  Usec length{0};              // since the last tick
  Usec some{0};                // growth of memory.pressure, some
  Bytes current;               // memory.current
  LimitOf<Bytes> high{Max{}};  // as it is in the kernel now
  Bytes unreclaimable;         // time_to_oom.h
};

enum class MemoryHighReason : std::uint8_t {
  started,
  waiting,
  probed,
  backed_off,
  at_bound,
  foreign
};
[[nodiscard]] std::string_view to_string(MemoryHighReason reason);

struct MemoryHighDecision {
  std::optional<Bytes> write;  // page-aligned
  MemoryHighReason reason = MemoryHighReason::waiting;
  Usec stalled{0};  // since the last change
  MemoryHighInputs inputs;
};

// Finds the memory a cgroup needs by lowering memory.high until it feels it: Senpai's rule
// (facebookincubator/senpai, "senpai.py"). Unlike it, never below what cannot be reclaimed: there
// the cgroup would hang (stall_guard.h). Somebody else's write, or another cgroup instance, makes
// it begin anew from memory.current.
class MemoryHighSizer {
 public:
  explicit MemoryHighSizer(const MemoryHighTargets& targets) : targets_(targets) {}
  [[nodiscard]] MemoryHighDecision tick(const MemoryHighInputs& inputs);

 private:
  void begin(MemoryHighDecision& decision, MemoryHighReason reason);
  void write(MemoryHighDecision& decision, double bytes, MemoryHighReason reason);

  MemoryHighTargets targets_;
  std::optional<CgroupId> id_;
  std::optional<Bytes> high_;  // our last
  Usec stalled_{0};
  Usec grace_{0};  // left before it is lowered again
};

}  // namespace cgwarden::policy::adapt
