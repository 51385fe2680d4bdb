#pragma once

#include <string>

#include "launcher/capabilities.h"
#include "launcher/container_mounts.h"
#include "launcher/launch_step.h"
#include "launcher/namespaces.h"
#include "launcher/parents_word.h"
#include "launcher/seccomp.h"
#include "launcher/spawn.h"

// What the child of spawn() does between clone3(2) and execve(2), in order.
namespace cgwarden::launcher {

// All that can be worked out before there is a child.
struct LaunchPlan {
  CapabilitySets capabilities;
  SeccompFilter filter;
  MountSources sources;
  UniqueFd overlay;  // with spec.overlay
  UniqueFd procfs;   // the host's, where the child's own view of /proc is somebody else's
};
[[nodiscard]] StepResult<LaunchPlan> plan_launch(const SpawnRequest& request);

// What the steps of one child work with; all outlive it.
struct ChildContext {
  const SpawnRequest* request = nullptr;
  LaunchPlan* plan = nullptr;                // the child's own copy
  int report = -1;                           // the child's end of the report socket
  ParentsWord* word = nullptr;               // waited for where isolate() says
  const JoinedNamespaces* joined = nullptr;  // namespaces by path that it was born in, or nullptr
};

// Puts the descriptors of the request on 0, 1 and 2. Before anything else opens one: with a caller
// who had closed his, that could be one of the three.
[[nodiscard]] Step place_stdio(const SpawnRequest& request);

// Signals, session, namespaces, rootfs, mounts, hooks, hostname: the same for init and
// command.
[[nodiscard]] Step isolate(const ChildContext& context);

// The command's own part: limits, user, capabilities, working directory; then it announces itself,
// waits at its gate if there is one, and calls execve(2). What goes wrong is reported, and the
// process ends with LaunchError::exit_code.
[[noreturn]] void run_command(const ChildContext& context);

// Reports `error` and ends the process.
[[noreturn]] void give_up(int report, const LaunchError& error);

}  // namespace cgwarden::launcher
