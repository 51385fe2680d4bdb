#pragma once

#include <sys/types.h>

#include "base/unique_fd.h"
#include "launcher/launch_step.h"
#include "launcher/spec.h"

// What one process of a container is given beside its user, capabilities and limits. Each is a step
// with a stage of its own name; each does nothing when the spec asks for nothing.
namespace cgwarden::launcher {

// sched_setattr(2); stage "scheduler". An unknown policy or flag is refused by name.
[[nodiscard]] Step set_scheduler(const Process& process);
// ioprio_set(2); stage "ioPriority".
[[nodiscard]] Step set_io_priority(const Process& process);
// personality(2); stage "personality".
[[nodiscard]] Step set_personality(const Spec& spec);
// sched_setaffinity(2) from a cpuset(7) list ("0-3,7"); stage "execCPUAffinity".
[[nodiscard]] Step set_cpu_affinity(const std::string& cpus);
// All CPUs that the cgroup's cpuset allows: the mask of whoever started the runtime, which kernels
// since 6.2 remember across cgroups, is not the container's. Where it may not be, it stays.
void reset_cpu_affinity();
// AppArmor and SELinux labels for the next execve(2) through /proc/thread-self/attr (of a procfs
// opened and checked before pivot_root, CVE-2025-52881); refused when the host has no such module.
// Stage "apparmorProfile" or "selinuxLabel".
[[nodiscard]] Step set_exec_label(int procfs, const Process& process);
// linux.sysctl into /proc/sys of the container: only names that are namespaced and whose namespace
// is the container's own, others are refused by name. Stage "sysctl".
[[nodiscard]] Step write_sysctls(int procfs, const Spec& spec);
// The same refusals by the parent before there is a child, where a namespace joined by path can be
// told from the caller's own. Stage "sysctl".
[[nodiscard]] Step check_sysctls(const Spec& spec);
// A new time namespace with linux.timeOffsets, entered at once: by the child itself before it has a
// rootfs, because the kernel takes offsets only before the first process is inside. Stage
// "timeOffsets".
class TimeOffsets {
 public:
  // Opens what it needs of the caller's /proc/self, below `procfs`, or /proc for -1. Before the
  // caller stops to be dumpable: the file of the offsets is root's from then on.
  [[nodiscard]] static StepResult<TimeOffsets> open(const Spec& spec, int procfs);
  [[nodiscard]] Step make_namespace() const;

 private:
  bool makes_ = false;
  std::string text_;
  UniqueFd self_;
  UniqueFd file_;
};
// A fresh, detached procfs mount of the current pid namespace, checked to be one: for writes that
// must not be redirected by what the rootfs mounts on /proc.
[[nodiscard]] StepResult<UniqueFd> open_procfs();

}  // namespace cgwarden::launcher
