#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <vector>

#include "base/result.h"

namespace cgwarden::cli {

// A container on this node, ours or not, by its main process.
struct Container {
  std::string runtime;  // "docker", "cgwarden", ...; "-": not known
  std::string name;     // an id or a workload's name; "pid 42" when nothing names it
  pid_t pid = -1;       // process 1 of its pid namespace, else its lowest
};

struct ContainerList {
  std::vector<Container> containers;  // by runtime, then name
  // Processes whose namespaces could not be read; one may be a container that is not listed.
  std::size_t unseen = 0;
};

// A container is every set of processes
// - in a cgroup whose path is one of a container runtime (container_origin.h),
// - else in a pid namespace that is not process 1's,
// - else with a mount namespace and a root directory that are not process 1's.
// `proc`: the directory of /proc. Kernel threads and processes that end meanwhile are left
// out.
[[nodiscard]] Result<ContainerList> find_containers(int proc);

}  // namespace cgwarden::cli
