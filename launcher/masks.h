#pragma once

#include "launcher/launch_step.h"
#include "launcher/spec.h"

namespace cgwarden::launcher {

// spec.masked_paths: a file is covered by /dev/null, a directory by an empty read-only tmpfs. A
// path that does not exist is left out (OCI runtime-spec: masked paths are optional).
[[nodiscard]] Step mask_paths(int root, const Spec& spec);
// spec.readonly_paths: each is covered by a read-only bind of itself.
[[nodiscard]] Step make_paths_readonly(int root, const Spec& spec);

}  // namespace cgwarden::launcher
