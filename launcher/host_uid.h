#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "launcher/launch_step.h"

namespace cgwarden::launcher {

// What the caller's user namespace calls the uid `uid` of another one, that of the file `path`
// (/proc/PID/ns/user, or a bind of one); nullopt when that has no mapping for it. A process of its
// own joins it, for which setns(2) wants CAP_SYS_ADMIN there. Stage "namespace".
[[nodiscard]] StepResult<std::optional<uid_t>> host_uid(const std::string& path, uid_t uid);

}  // namespace cgwarden::launcher
