#pragma once

#include <optional>

#include "agent/adapt_decision.h"
#include "agent/adapt_look.h"
#include "policy/adapted.h"

namespace cgwarden::agent {

// The loop that finds memory.high of one cgroup; waits for what it wanted as AdaptCpu does. In mode
// plan it tells where it would begin: what nobody feels cannot be found.
class AdaptMemoryHigh {
 public:
  struct How {
    policy::adapt::MemoryHighTargets targets;
    bool planned = false;
    bool operator==(const How&) const = default;
  };
  explicit AdaptMemoryHigh(const How& how) : how_(how), sizer_(how.targets) {}

  [[nodiscard]] const How& how() const { return how_; }
  [[nodiscard]] std::optional<AdaptDecision> tick(const AdaptLook& look);
  void want(policy::AdaptedValue& value) const {
    if (wanted_) value.memory_high = *wanted_;
  }

 private:
  How how_;
  policy::adapt::MemoryHighSizer sizer_;
  std::optional<Bytes> wanted_;
  std::optional<AdaptCounters> before_;
  std::optional<Usec> waits_since_;
};

}  // namespace cgwarden::agent
