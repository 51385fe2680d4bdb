#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cgroup/tree.h"

namespace cgwarden::cgroup {

enum class WriteOutcome {
  written,    // the kernel had another value; it now has the wanted one, read back
  unchanged,  // the kernel had the wanted value already: nothing was written
  adjusted,   // written, but the kernel reads back another value (page rounding, clamping): see
              // `after`
};

struct WriteReport {
  WriteOutcome outcome = WriteOutcome::unchanged;
  std::string before;  // trimmed text of the file
  std::string after;
};

// Reads `file` of cgroup `path`, compares with `value` (for cpu.max after filling in the default
// period; of several lines each is written for itself), writes only when they differ, and reads
// back. Rewriting an unchanged cpu.max refills its
// quota, so a blind write gives CPU away (kernel/sched/core.c tg_set_cfs_bandwidth). Errors:
// vanished; not_supported with "controller X is not available under P" when the file is missing
// because the controller is off; invalid with the kernel's rule that was broken where it is known.
[[nodiscard]] Result<WriteReport> write_control_file(const Tree& tree, std::string_view path,
                                                     const std::string& file,
                                                     std::string_view value);

// Adds controllers ("+cpu +memory") to cgroup.subtree_control of `path`, only those that are
// missing. not_supported names the first controller that is absent from cgroup.controllers.
[[nodiscard]] Status enable_controllers(const Tree& tree, std::string_view path,
                                        const std::vector<std::string>& controllers);

// mkdir(2) of a cgroup; existing is success. Parents must exist.
[[nodiscard]] Status create_cgroup(const Tree& tree, std::string_view path);
// rmdir(2); a vanished one is success, a populated one is busy.
[[nodiscard]] Status remove_cgroup(const Tree& tree, std::string_view path);
// Removes every cgroup below `path`, the deepest first, and keeps `path`; a vanished one is
// success. busy when one has processes or gets children meanwhile.
[[nodiscard]] Status remove_cgroups_below(const Tree& tree, std::string_view path);
// Moves a process by writing cgroup.procs.
[[nodiscard]] Status move_process(const Tree& tree, std::string_view path, int pid);
// cgroup.kill (5.14): SIGKILL to every process below. not_supported on older kernels.
[[nodiscard]] Status kill_cgroup(const Tree& tree, std::string_view path);

}  // namespace cgwarden::cgroup
