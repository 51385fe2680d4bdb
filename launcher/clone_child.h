#pragma once

#include <sys/types.h>

#include <functional>

#include "launcher/launch_step.h"
#include "launcher/namespaces.h"
#include "launcher/spec.h"

namespace cgwarden::launcher {

// What the child does; it must not return. `joined`: the namespaces by path that it was born in,
// for join_namespaces(), or nullptr.
using CloneChild = std::function<void(const JoinedNamespaces* joined)>;

// clone3(2) with `flags` (clone_flags()), born in `cgroup_fd` (-1: in the caller's cgroup). With a
// user or pid namespace that is joined by path, or with a new user namespace and others by path, a
// process in between enters them (join_before_birth()) and ends at once: the caller stays where it
// is and is the parent all the same (CLONE_PARENT). All signals should be blocked.
[[nodiscard]] StepResult<pid_t> clone_child(const Spec& spec, std::uint64_t flags, int cgroup_fd,
                                            const CloneChild& child);

// False when the one who makes the child has no say over the host's cgroups any more, or does not
// see them: `cgroup_fd` must then be -1, and the parent moves the child.
[[nodiscard]] bool is_born_in_its_cgroup(const Spec& spec);

// fork(2) without libc's handlers, which have no business in a half-made container.
[[nodiscard]] pid_t plain_fork();

}  // namespace cgwarden::launcher
