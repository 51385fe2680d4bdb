#pragma once

#include <string>

#include "base/unique_fd.h"

namespace cgwarden::launcher {

// Opens `path` below a procfs root (open_procfs) without leaving that mount: what somebody mounted
// on a file of it is EXDEV, not followed. Invalid with errno(3) set on failure.
[[nodiscard]] UniqueFd open_in_procfs(int procfs, const std::string& path, int flags);

}  // namespace cgwarden::launcher
