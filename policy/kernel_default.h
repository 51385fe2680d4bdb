#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace cgwarden::policy {

// What a control file of a new cgroup has, as the kernel prints it (cgroup-v2.rst); nullopt: a file
// that no policy sets.
[[nodiscard]] std::optional<std::string> kernel_default(std::string_view file);

}  // namespace cgwarden::policy
