#pragma once

#include <string>

#include "base/result.h"
#include "base/units.h"

namespace cgwarden::cli {

// A moment of the wall clock: "10min" or "1.5h" before `now`, or "2026-01-31 12:00:00", a day alone
// too, in UTC as all times are shown. invalid for anything else.
[[nodiscard]] Result<Usec> parse_since(const std::string& text, Usec now);

// A moment that somebody wants to look at, in the syntax of systemd.time(7) as far as it points
// back, in UTC: "10m ago", "-1h 30min", "10min", "now", "today", "yesterday", "03:12" (the last
// one), "2026-01-31 12:00:00". invalid for anything else.
[[nodiscard]] Result<Usec> parse_moment(const std::string& text, Usec now);

}  // namespace cgwarden::cli
