#pragma once

#include <string>

#include "launcher/launch_step.h"

// linux.cgroupsPath (config-linux.md "Cgroups Path").
namespace cgwarden::launcher {

// Driver cgroupfs: an absolute path is one from the root of the hierarchy; a relative one, or the
// id when it is empty, is below `base` ("/" for root; rootless: a delegated cgroup). Stage
// "cgroup" for "." and ".." components and for the root itself.
[[nodiscard]] StepResult<std::string> cgroupfs_path(const std::string& cgroups_path,
                                                    const std::string& id, const std::string& base);

struct ScopeName {
  std::string slice;  // "machine.slice"
  std::string unit;   // "libpod-ID.scope"
};

// Driver systemd: "slice:prefix:name" is the unit prefix-name.scope (name.scope when the prefix is
// empty) in that slice. Empty: cgwarden-ID.scope. An empty slice is system.slice, rootless
// user.slice. Stage "cgroup" for any other form.
[[nodiscard]] StepResult<ScopeName> scope_name(const std::string& cgroups_path,
                                               const std::string& id, bool rootless);

}  // namespace cgwarden::launcher
