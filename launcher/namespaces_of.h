#pragma once

#include <sys/types.h>

#include <vector>

#include "base/unique_fd.h"
#include "launcher/launch_step.h"
#include "launcher/spec.h"

namespace cgwarden::launcher {

// The namespaces of a process as open files: what is joined is what was checked.
struct OpenNamespaces {
  std::vector<UniqueFd> files;
  std::vector<Namespace> entries;  // by /proc/self/fd; for Spec::namespaces
};

// /proc/PID/ns/*, those that are ours too left out but for the mount namespace. The caller makes
// sure afterwards that `pid` is still the process it meant. Stage "namespace".
[[nodiscard]] StepResult<OpenNamespaces> open_namespaces(pid_t pid);

}  // namespace cgwarden::launcher
