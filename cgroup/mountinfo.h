#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cgwarden::cgroup {

// One line of /proc/PID/mountinfo (proc(5)); octal escapes are decoded.
struct MountLine {
  std::string mount_point;
  std::string fs_type;
  std::vector<std::string> super_options;
  std::vector<std::string> options;  // of this mount: rw, nosuid, ...
  std::string root;                  // what of the file system is mounted
  std::uint64_t id = 0;
  std::uint64_t parent = 0;  // its id; of the root mount possibly one that is not shown
  unsigned device_major = 0;
  unsigned device_minor = 0;
};

// Every line, in the kernel's order: a later mount hides an earlier one on the same point. A line
// that is not in the format, or has no end, is malformed.
[[nodiscard]] Result<std::vector<MountLine>> parse_mountinfo(std::string_view text);

}  // namespace cgwarden::cgroup
