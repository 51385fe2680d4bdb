#pragma once

#include "base/units.h"

namespace cgwarden {

// A moment on two clocks: boottime (CLOCK_BOOTTIME, for intervals and ordering, survives suspend)
// and wall (CLOCK_REALTIME since the epoch, for people).
struct TimePoint {
  Usec boottime{0};
  Usec wall{0};
};

// The only source of "now". Pure code receives TimePoint values; only agent/, launcher/ and cli/
// hold a Clock.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual TimePoint now() const = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override;
};

// "2026-11-24 03:12:45 UTC" from CLOCK_REALTIME microseconds.
[[nodiscard]] std::string format_wall_utc(Usec wall);

}  // namespace cgwarden
