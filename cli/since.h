#pragma once

#include <string>

#include "base/result.h"
#include "base/units.h"

namespace cgwarden::cli {

// A moment of the wall clock: "10min" or "1.5h" before `now`, or "2026-01-31 12:00:00", a day alone
// too, in UTC as all times are shown. invalid for anything else, naming `option`.
[[nodiscard]] Result<Usec> parse_since(const std::string& text, Usec now,
                                       const std::string& option = "--since");

}  // namespace cgwarden::cli
