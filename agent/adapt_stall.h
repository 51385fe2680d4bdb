#pragma once

#include <deque>
#include <optional>

#include "agent/adapt_decision.h"
#include "agent/adapt_look.h"
#include "policy/adapted.h"

namespace cgwarden::agent {

// The guard against a cgroup that hangs at memory.high. What it has raised stays raised as long as
// the loop lives; less would hang again.
class AdaptStall {
 public:
  struct How {
    policy::adapt::StallLimits limits;
    bool planned = false;
    // The memory.high that the policy itself has: what is raised begins anew with another.
    std::optional<LimitOf<Bytes>> base;
    bool operator==(const How&) const = default;
  };
  explicit AdaptStall(const How& how) : how_(how), guard_(how.limits) {}

  [[nodiscard]] const How& how() const { return how_; }
  [[nodiscard]] std::optional<AdaptDecision> tick(const AdaptLook& look);
  void want(policy::AdaptedValue& value) const {
    if (raised_) value.memory_high = *raised_;
  }

 private:
  How how_;
  policy::adapt::StallGuard guard_;
  std::optional<LimitOf<Bytes>> raised_;
  std::deque<AdaptCounters> seen_;  // of the last look and of so long before it as one must be
};

}  // namespace cgwarden::agent
