#pragma once

#include "base/units.h"

namespace cgwarden::agent {

// Stretches the sampling interval while ticks take too much of it, and takes that back when they do
// not any more. Pure.
class BackOff {
 public:
  explicit BackOff(Usec interval) : interval_(interval) {}

  // What one tick took; true when factor() changed. Over half of the interval in force doubles it,
  // up to a minute or kMostBackOff; ten ticks in a row under a fifth halve it.
  bool observe(Usec spent);
  // 1, 2, 4 ...
  [[nodiscard]] unsigned factor() const { return factor_; }
  [[nodiscard]] Usec interval() const { return interval_ * factor_; }

 private:
  Usec interval_;
  unsigned factor_ = 1;
  unsigned calm_ = 0;
};

}  // namespace cgwarden::agent
