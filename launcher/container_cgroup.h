#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "cgroup/tree.h"
#include "launcher/launch_step.h"
#include "launcher/spec.h"

// The cgroup of one OCI container (linux.cgroupsPath), made directly in the file system
// ("cgroupfs") or as a transient scope of systemd ("systemd", path "slice:prefix:name"); with
// "disabled" none is made, and the container stays in the cgroup of whoever creates it.
namespace cgwarden::launcher {

enum class CgroupDriver { cgroupfs, systemd, disabled };

// As --cgroup-manager and the state file say it; nullopt for another word.
[[nodiscard]] std::string_view to_string(CgroupDriver driver);
[[nodiscard]] std::optional<CgroupDriver> parse_cgroup_driver(std::string_view word);

// As those of a privileged container.
[[nodiscard]] bool allow_every_device(const std::vector<DeviceRule>& rules);

struct ContainerCgroup {
  CgroupDriver driver = CgroupDriver::cgroupfs;
  std::string path;  // in the hierarchy; empty: this container has no cgroup of its own
  std::string unit;  // systemd: "crun-ID.scope"
};

// Where the cgroup of `id` will be, without making it: written down first, so that a runtime that
// is killed in between leaves nothing that nobody knows of. Refuses a malformed linux.cgroupsPath.
[[nodiscard]] StepResult<ContainerCgroup> plan_container_cgroup(const Spec& spec,
                                                                const std::string& id,
                                                                CgroupDriver driver);

// Makes the cgroup for `id` with every controller its resources need enabled on the way down, the
// others that the kernel has (rootless with systemd: none) where they can be, applies
// linux.resources and the device rules, and gives it to its owner (cgroup_owner.h). With
// CgroupDriver::systemd the scope is made for `pid` (a scope needs a process, and it is moved
// there), resources that systemd has properties for are given to it, and all are written to the
// scope's directory. On failure nothing is left behind; the process is moved back where it was, if
// it lives. The path is empty on a host without a cgroup v2 tree, and rootless without a delegated
// cgroup, when no resource is asked for; device rules ask for one only where the process would keep
// CAP_MKNOD, because without it there is no way to another device node. With
// CgroupDriver::disabled it is always empty, and what asks for a cgroup is refused.
[[nodiscard]] StepResult<ContainerCgroup> make_container_cgroup(const Spec& spec,
                                                                const std::string& id,
                                                                CgroupDriver driver, pid_t pid);

// Writes cgroup.procs; stage "cgroup".
[[nodiscard]] Step move_into(const ContainerCgroup& cgroup, pid_t pid);

// O_PATH directory fd for CLONE_INTO_CGROUP.
[[nodiscard]] Result<UniqueFd> open_container_cgroup(const ContainerCgroup& cgroup);

// Writes in an order the kernel takes (control_writer.h), compare before write. A quota without a
// period keeps the period and the other way round; a swap limit without a memory limit counts from
// the one in force. With check_before_update a memory.max below memory.current is refused. Device
// rules replace the earlier ones when there are any.
[[nodiscard]] Step update_resources(const ContainerCgroup& cgroup, const Resources& resources);

// freeze returns once cgroup.events says frozen; when that takes over ten seconds it thaws again
// and fails (busy).
[[nodiscard]] Status freeze(const ContainerCgroup& cgroup);
[[nodiscard]] Status thaw(const ContainerCgroup& cgroup);
[[nodiscard]] bool is_frozen(const ContainerCgroup& cgroup);
// Every process of the cgroup and of those below it. Of a cgroup that is gone: none.
[[nodiscard]] Result<std::vector<pid_t>> processes(const ContainerCgroup& cgroup);
// SIGKILL by cgroup.kill; a loop over cgroup.procs where the kernel lacks it. Does not wait for
// the processes to end. A vanished cgroup is success.
[[nodiscard]] Status kill_all(const ContainerCgroup& cgroup);
// Removes the cgroup and all below it, waiting up to ten seconds for the last process to go (busy
// then); a vanished one is success, and one that has no path, too.
[[nodiscard]] Status remove(const ContainerCgroup& cgroup);

// `events --stats`: the JSON object of runc's {"type":"stats","id":...,"data":{...}}. What the
// kernel does not say is left out; "no limit" is 18446744073709551615 for memory and 0 for pids.
[[nodiscard]] Result<std::string> stats_json(const ContainerCgroup& cgroup, const std::string& id);

}  // namespace cgwarden::launcher
