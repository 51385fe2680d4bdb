#pragma once

#include <sys/types.h>

#include <functional>

#include "launcher/launch_step.h"
#include "launcher/spec.h"

namespace cgwarden::launcher {

// clone3(2) with `flags` (clone_flags()), born in `cgroup_fd` (-1: in the caller's cgroup). The
// child runs `child`, which must not return. A user or pid namespace that is joined by path is
// entered by a process in between, which ends at once: the caller stays where it is and is the
// parent all the same (CLONE_PARENT). All signals should be blocked.
[[nodiscard]] StepResult<pid_t> clone_child(const Spec& spec, std::uint64_t flags, int cgroup_fd,
                                            const std::function<void()>& child);

// fork(2) without libc's handlers, which have no business in a half-made container.
[[nodiscard]] pid_t plain_fork();

}  // namespace cgwarden::launcher
