#pragma once

#include "launcher/capabilities.h"
#include "launcher/launch_step.h"
#include "launcher/seccomp.h"
#include "launcher/spawn.h"

// What the child of spawn() does between clone3(2) and execve(2), in order.
namespace cgwarden::launcher {

// All that can be worked out before there is a child.
struct LaunchPlan {
  CapabilitySets capabilities;
  SeccompFilter filter;
};
[[nodiscard]] StepResult<LaunchPlan> plan_launch(const Spec& spec);

// stdio, signals, session, namespaces, rootfs, mounts, hostname: the same for init and command.
[[nodiscard]] Step isolate(const SpawnRequest& request);

// The command's own part: rlimits, working directory, user, capabilities, no_new_privs, seccomp;
// then announces itself on `report_socket` and calls execve(2). Returns only the error.
[[nodiscard]] LaunchError become_command(const Spec& spec, const LaunchPlan& plan,
                                         int report_socket);

}  // namespace cgwarden::launcher
