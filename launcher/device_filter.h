#pragma once

#include <linux/bpf.h>

#include <vector>

#include "launcher/launch_step.h"
#include "launcher/spec.h"

// Access to device nodes, decided by a program of type BPF_PROG_TYPE_CGROUP_DEVICE at each open(2)
// and mknod(2) below a cgroup (kernel/bpf/cgroup.c; linux/bpf.h bpf_cgroup_dev_ctx).
namespace cgwarden::launcher {

using DeviceProgram = std::vector<bpf_insn>;

// The rules as a program that returns 1 (allowed) or 0. Each access asked for (r, w, m) is decided
// by the last rule that speaks of it and of the device; one that no rule speaks of is denied. After
// the given rules come those of every container: mknod of anything, and /dev/null, zero, full,
// random, urandom, tty, ptmx, pts/*. Stage "resources" for a rule that is not one.
[[nodiscard]] StepResult<DeviceProgram> compile_device_filter(const std::vector<DeviceRule>& rules);

// Attaches the program to the cgroup whose directory is open as `cgroup` (not O_PATH), in place of
// one attached by an earlier call. Where bpf(2) is not permitted because we are in a user namespace
// or not root, nothing is done: mknod(2) of devices is not permitted there either.
[[nodiscard]] Step attach_device_filter(int cgroup, const DeviceProgram& program);

}  // namespace cgwarden::launcher
