#pragma once

#include <string>
#include <string_view>

namespace cgwarden {

// Where a file of the source tree, and one of the build directory, is. One file alone is compiled
// with these directories: what names them is in no compiler cache for another clone.
[[nodiscard]] std::string in_source(std::string_view name);
[[nodiscard]] std::string in_build(std::string_view name);

}  // namespace cgwarden
