#include "exporters/rate_limiter.h"

#include <algorithm>

namespace cgwarden::exporters {

bool RateLimiter::take(Usec now) {
  const std::lock_guard lock(mutex_);
  if (now > filled_) {
    const std::uint64_t more = (now - filled_) / interval_;
    tokens_ = more >= burst_ ? burst_ : std::min(burst_, tokens_ + more);
    // A full bucket begins to wait when the first token is taken.
    filled_ = tokens_ == burst_ ? now : filled_ + more * interval_;
  }
  if (tokens_ == 0) return false;
  --tokens_;
  return true;
}

}  // namespace cgwarden::exporters
