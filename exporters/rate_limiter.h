#pragma once

#include <cstdint>
#include <mutex>

#include "base/units.h"

namespace cgwarden::exporters {

// A token bucket: `burst` requests at once, then one more each `interval`. Thread-safe.
class RateLimiter {
 public:
  // Both over 0.
  RateLimiter(Usec interval, std::uint64_t burst)
      : interval_(interval), tokens_(burst), burst_(burst) {}

  // False: one request too many. `now` is of any clock that does not go back.
  [[nodiscard]] bool take(Usec now);

 private:
  std::mutex mutex_;
  const Usec interval_;
  std::uint64_t tokens_;
  const std::uint64_t burst_;
  Usec filled_{0};  // when tokens_ was right; later than that, there are more
};

}  // namespace cgwarden::exporters
