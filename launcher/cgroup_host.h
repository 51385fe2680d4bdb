#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cgroup/tree.h"

// What this host, and this process on it, has for making cgroups.
namespace cgwarden::launcher {

// The tree at /sys/fs/cgroup; nullopt when that is not a cgroup v2 file system (v1, hybrid, not
// mounted).
[[nodiscard]] Result<std::optional<cgroup::Tree>> host_tree();

// Whether we are not the root of the initial user namespace: then cgroups are ours only where they
// have been delegated.
[[nodiscard]] bool is_rootless();

// The cgroup that this process is in, as /proc/self/cgroup has it: "/user.slice/...".
[[nodiscard]] Result<std::string> own_cgroup();

// The v2 line of a /proc/PID/cgroup text ("0::/path"); malformed when there is none.
[[nodiscard]] Result<std::string> unified_path(std::string_view text);

}  // namespace cgwarden::launcher
