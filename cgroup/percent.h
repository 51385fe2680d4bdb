#pragma once

#include <optional>
#include <string_view>

#include "cgroup/grouped_files.h"

namespace cgwarden::cgroup {

// Digits, a point and two digits; nullopt for anything else.
[[nodiscard]] std::optional<Percent> parse_hundredths(std::string_view text);

}  // namespace cgwarden::cgroup
