#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cgroup/tree.h"
#include "launcher/state.h"

namespace cgwarden::launcher {

// Files of the payload cgroup `path` and of each ancestor up to the root, as they are now, into
// `before`. Payload first. A file that cannot be read has no entry; a missing payload cgroup is
// `vanished`.
[[nodiscard]] Result<std::vector<CgroupCapture>> capture_before(const cgroup::Tree& tree,
                                                                const std::string& path);

// The same files into `after`. A cgroup that is gone, or whose place another one has taken (its
// inode differs), keeps an empty `after`.
void capture_after(const cgroup::Tree& tree, std::vector<CgroupCapture>& captures);

}  // namespace cgwarden::launcher
