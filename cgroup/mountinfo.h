#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cgwarden::cgroup {

// One line of /proc/PID/mountinfo (proc(5)), as far as cgroups need it.
struct MountLine {
  std::string mount_point;  // octal escapes decoded
  std::string fs_type;
  std::vector<std::string> super_options;
};

// Every line, in the kernel's order: a later mount hides an earlier one on the same point. A line
// that is not in the format, or has no end, is malformed.
[[nodiscard]] Result<std::vector<MountLine>> parse_mountinfo(std::string_view text);

}  // namespace cgwarden::cgroup
