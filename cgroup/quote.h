#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace cgwarden::cgroup {

// The text in double quotes, made printable and cut to 64 bytes: for error messages about text that
// came from outside.
[[nodiscard]] std::string quote(std::string_view text);

// The error of every parser here: "cannot parse <where>: <detail>".
[[nodiscard]] Error malformed(std::string_view where, std::string detail);

}  // namespace cgwarden::cgroup
