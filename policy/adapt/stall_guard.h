#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/units.h"

namespace cgwarden::policy::adapt {

// What one cgroup did since the last tick, and has now.
struct StallInputs {
  CgroupId id;
  Usec now{0};     // boottime
  Usec length{0};  // since the last tick
  Bytes current;   // memory.current
  LimitOf<Bytes> high{Max{}};
  LimitOf<Bytes> max{Max{}};
  std::uint64_t high_events = 0;  // growth of memory.events high
  // Growth of memory.stat, in pages; absent: before 5.18.
  std::optional<std::uint64_t> pgscan;
  std::optional<std::uint64_t> pgsteal;
  // workingset_refault_file and workingset_refault_anon (5.9): what was reclaimed and came back.
  std::optional<std::uint64_t> refaults;
  Usec full{0};  // growth of memory.pressure, full
};

struct StallLimits {
  double full = 0.5;          // share of the time in which everything waited
  Usec patience{4'000'000};   // so long, before anything is said
  double raise_step = 0.1;    // of the memory.high at the beginning of the stall
  double raise_budget = 0.5;  // all raises of one stall together; never up to memory.max
  Usec raise_every{5'000'000};
  bool may_raise = true;
  bool may_kill = false;
  Usec kill_after{60'000'000};  // of a stall that raises did not end
  Usec calm{5'000'000};         // without, before it is over
  bool operator==(const StallLimits&) const = default;
};

enum class StallState : std::uint8_t { calm, suspected, stalled };
enum class StallAction : std::uint8_t { none, notify, raise, kill, over };
[[nodiscard]] std::string_view to_string(StallAction action);

// With what it was made from. The action is decided, not done.
struct StallDecision {
  StallState state = StallState::calm;
  StallAction action = StallAction::none;
  LimitOf<Bytes> new_high{Max{}};  // of raise; page-aligned
  Usec stalled_for{0};
  double full_share = 0;
  Bytes raised{0};  // in this stall, with this
  StallInputs inputs;
};

// A cgroup that is held at memory.high while reclaim gains nothing hangs without an OOM kill: its
// tasks sleep in mem_cgroup_handle_over_high, pressure is full, memory.events high grows, and
// pgscan does not, or what is taken, such as the program's own text, comes back at once
// (cgroup-v2.rst, "memory.high"). Rules that wait for reclaim never see it. This one tells, raises
// memory.high within a budget, and asks for a kill when that did not help. Thread rule: one per
// cgroup; another instance (id) begins anew.
class StallGuard {
 public:
  explicit StallGuard(const StallLimits& limits) : limits_(limits) {}
  [[nodiscard]] StallDecision tick(const StallInputs& inputs);

 private:
  [[nodiscard]] bool holds(const StallInputs& inputs, double full_share) const;
  void stalled(StallDecision& decision);
  [[nodiscard]] std::optional<Bytes> raised_high(const StallInputs& inputs) const;
  void reset();

  StallLimits limits_;
  std::optional<CgroupId> id_;
  StallState state_ = StallState::calm;
  std::optional<Usec> since_;   // the condition holds
  std::optional<Usec> absent_;  // since when it does not any more
  std::optional<Usec> last_raise_;
  bool kill_asked_ = false;
  Bytes first_high_{0};
  Bytes raised_{0};
};

}  // namespace cgwarden::policy::adapt
