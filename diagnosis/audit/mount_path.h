#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cgroup/mountinfo.h"

// Questions to a mount table. Paths are absolute, without "..", as mountinfo(5) prints them.
namespace cgwarden::diagnosis::audit {

// Is `path` the directory itself or below it? "/runtime" is not below "/run".
[[nodiscard]] bool is_within(std::string_view path, std::string_view directory);

// The mount that a walk to `path` ends in: stacked mounts and those hidden below another are told
// apart by their parents. nullptr: none is shown (the root is no mount point).
[[nodiscard]] const cgroup::MountLine* covering_mount(const std::vector<cgroup::MountLine>& table,
                                                      std::string_view path);

[[nodiscard]] bool is_read_only(const cgroup::MountLine& mount);

// The paths at which the host sees what is mounted: the same part of the same file system.
[[nodiscard]] std::vector<std::string> host_paths(const cgroup::MountLine& mount,
                                                  const std::vector<cgroup::MountLine>& host);

// Does it hold the whole root file system of the host?
[[nodiscard]] bool holds_host_root(const cgroup::MountLine& mount,
                                   const std::vector<cgroup::MountLine>& host);

}  // namespace cgwarden::diagnosis::audit
