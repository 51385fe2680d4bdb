#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "cgroup/tree.h"
#include "launcher/launch_step.h"
#include "launcher/spec.h"

// The cgroup of one OCI container (linux.cgroupsPath), made directly in the file system
// ("cgroupfs") or as a transient scope of systemd ("systemd", path "slice:prefix:name").
namespace cgwarden::launcher {

enum class CgroupDriver { cgroupfs, systemd };

struct ContainerCgroup {
  CgroupDriver driver = CgroupDriver::cgroupfs;
  std::string path;  // in the hierarchy; empty: this host has no cgroup v2 tree to use
  std::string unit;  // systemd: "crun-ID.scope"
};

// Where the cgroup of `id` will be, without making it: written down first, so that a runtime that
// is killed in between leaves nothing that nobody knows of. Refuses a malformed linux.cgroupsPath.
[[nodiscard]] StepResult<ContainerCgroup> plan_container_cgroup(const Spec& spec,
                                                                const std::string& id,
                                                                CgroupDriver driver);

// Makes the cgroup for `id` with every controller its resources need enabled on the way down, and
// applies linux.resources and the device rules. With CgroupDriver::systemd the scope is made for
// `pid` (a scope needs a process), resources that systemd has properties for are given to it, and
// the rest is written below it. Rootless without a delegated cgroup: an empty path when no resource
// is asked for. On failure nothing is left behind.
[[nodiscard]] StepResult<ContainerCgroup> make_container_cgroup(const Spec& spec,
                                                                const std::string& id,
                                                                CgroupDriver driver, pid_t pid);

// O_PATH directory fd for CLONE_INTO_CGROUP.
[[nodiscard]] Result<UniqueFd> open_container_cgroup(const ContainerCgroup& cgroup);

// Writes in an order the kernel takes (burst before a lower quota; memory.swap.max and memory.max
// by direction), compare before write. With check_before_update a memory.max below memory.current
// is refused.
[[nodiscard]] Step update_resources(const ContainerCgroup& cgroup, const Resources& resources);

[[nodiscard]] Status freeze(
    const ContainerCgroup& cgroup);  // returns once cgroup.events says frozen
[[nodiscard]] Status thaw(const ContainerCgroup& cgroup);
[[nodiscard]] bool is_frozen(const ContainerCgroup& cgroup);
// Every process of the cgroup and of those below it.
[[nodiscard]] Result<std::vector<pid_t>> processes(const ContainerCgroup& cgroup);
// SIGKILL by cgroup.kill; a loop over cgroup.procs where the kernel lacks it.
[[nodiscard]] Status kill_all(const ContainerCgroup& cgroup);
// Removes the cgroup and all below it, waiting for the last process to go; a vanished one is
// success.
[[nodiscard]] Status remove(const ContainerCgroup& cgroup);

// `events --stats`: the JSON object of runc's and crun's {"type":"stats","id":...,"data":{...}}.
[[nodiscard]] Result<std::string> stats_json(const ContainerCgroup& cgroup, const std::string& id);

}  // namespace cgwarden::launcher
