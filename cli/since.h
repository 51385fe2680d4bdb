#pragma once

#include <string>

#include "base/result.h"
#include "base/units.h"

namespace cgwarden::cli {

// A moment of the wall clock, in the words of systemd.time(7): "10min", "1.5h", "2h 30min ago" or
// "-1d" before `now`; "now"; "@" and seconds since the epoch; and what calendar_time() takes
// (local_time.h), "yesterday 14:00" or "2026-01-31 12:00 UTC", without a zone in that of this
// process. invalid for anything else; the sentence names `option`.
[[nodiscard]] Result<Usec> parse_since(const std::string& text, Usec now,
                                       const char* option = "--since");

}  // namespace cgwarden::cli
