#pragma once

#include <optional>

#include "agent/adapt_decision.h"
#include "agent/adapt_look.h"
#include "policy/adapted.h"

namespace cgwarden::agent {

// Tells when one cgroup will hit a memory.max, its own or one above it. It wants nothing.
class AdaptTimeToOom {
 public:
  struct How {
    policy::adapt::OomLimits limits;
    bool planned = false;
    bool operator==(const How&) const = default;
  };
  explicit AdaptTimeToOom(const How& how) : how_(how), forecaster_(how.limits) {}

  [[nodiscard]] const How& how() const { return how_; }
  [[nodiscard]] std::optional<AdaptDecision> tick(const AdaptLook& look);
  void want(policy::AdaptedValue& /*value*/) const {}
  // While it warns; absent: no end is near.
  [[nodiscard]] std::optional<Usec> warned_in() const { return warned_in_; }

 private:
  How how_;
  policy::adapt::OomForecaster forecaster_;
  bool warned_ = false;
  std::optional<Usec> warned_in_;
};

}  // namespace cgwarden::agent
