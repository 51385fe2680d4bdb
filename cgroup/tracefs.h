#pragma once

#include "base/result.h"
#include "base/unique_fd.h"

namespace cgwarden::cgroup {

// The root directory of tracefs (Documentation/trace/ftrace.rst): the mounted one, else one that
// only this fd sees, for which nothing is mounted anywhere. not_permitted without CAP_SYS_ADMIN.
[[nodiscard]] Result<UniqueFd> open_tracefs();

}  // namespace cgwarden::cgroup
