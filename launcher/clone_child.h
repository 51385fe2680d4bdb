#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>

#include "launcher/launch_step.h"
#include "launcher/spec.h"

namespace cgwarden::launcher {

// What the child does; it must not return. `joined`: CLONE_NEW* flags of the namespaces by path
// that it was born in, for join_namespaces().
using CloneChild = std::function<void(std::uint64_t joined)>;

// clone3(2) with `flags` (clone_flags()), born in `cgroup_fd` (-1: in the caller's cgroup). A user
// or pid namespace that is joined by path, and with a user namespace every other one but the mount
// namespace, is entered by a process in between, which ends at once: the caller stays where it is
// and is the parent all the same (CLONE_PARENT). All signals should be blocked.
[[nodiscard]] StepResult<pid_t> clone_child(const Spec& spec, std::uint64_t flags, int cgroup_fd,
                                            const CloneChild& child);

// fork(2) without libc's handlers, which have no business in a half-made container.
[[nodiscard]] pid_t plain_fork();

}  // namespace cgwarden::launcher
