#include "agent/adapt_oom.h"

#include <utility>

namespace cgwarden::agent {

std::optional<AdaptDecision> AdaptTimeToOom::tick(const AdaptLook& look) {
  const auto bytes =
      look.memory_stat ? policy::adapt::unreclaimable(*look.memory_stat, look.swap) : std::nullopt;
  if (!bytes) return std::nullopt;
  const auto forecast = forecaster_.look(look.now.boottime, *bytes, look.bounds);
  // One look that sees no end does not end a warning, and has no time of its own.
  if (!forecast.warns) {
    warned_in_.reset();
  } else if (forecast.in) {
    warned_in_ = forecast.in;
  }
  if (std::exchange(warned_, forecast.warns) == forecast.warns) return std::nullopt;
  return describe(forecast, *bytes);
}

}  // namespace cgwarden::agent
