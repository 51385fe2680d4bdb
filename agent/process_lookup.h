#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "cgroup/tree.h"
#include "diagnosis/signal_record.h"

namespace cgwarden::agent {

// Are the pids of kernel events those of /proc? Not in a pid namespace of our own.
[[nodiscard]] bool proc_is_of_init_namespace();

// Field 22 of a /proc/PID/stat (proc(5)) on CLOCK_BOOTTIME, rounded down to a tick.
[[nodiscard]] std::optional<Usec> start_time_of(std::string_view stat);

// The parent's pid of a /proc/PID/stat; 0: it is of another pid namespace.
[[nodiscard]] std::optional<pid_t> parent_of(std::string_view stat);

// Has this thread of a process ended, or begun to (PF_EXITING)? Also true when it is gone.
[[nodiscard]] bool is_ending(const std::string& proc, pid_t process, pid_t thread);

// Has the process, whose first thread ended, another one that lives and has not been told to die?
[[nodiscard]] bool has_living_thread(const std::string& proc, pid_t process);

// The state of a /proc/PID/stat: 'R', 'S', 'T', ...
[[nodiscard]] std::optional<char> state_of(std::string_view stat);
// That of a process now; nullopt: it is gone.
[[nodiscard]] std::optional<char> state_of_process(pid_t pid);

// The path in a /proc/PID/cgroup, " (deleted)" cut off where that cgroup is gone; empty: none in
// this namespace.
[[nodiscard]] std::string cgroup_path_in(const cgroup::Tree& tree, std::string_view text);

// What is known of a process that began before `before`, from its directory in `proc`; only `pid`
// when it is gone or a later one. Some ten system calls.
[[nodiscard]] diagnosis::ProcessSeen look_up_process(const cgroup::Tree& tree,
                                                     const std::string& proc, pid_t pid,
                                                     Usec before);

// A thread that a signal was sent to.
struct TargetSeen {
  pid_t process = 0;  // 0: it is gone
  std::string cgroup;
  bool namespace_init = false;  // PID 1 of a pid namespace below that of `proc`
  std::optional<char> state;    // of /proc/PID/stat
  std::optional<pid_t> tracer;  // 0: nobody traces it
};
[[nodiscard]] TargetSeen look_up_target(const cgroup::Tree& tree, const std::string& proc,
                                        pid_t task, Usec before);

// "Tgid:\t12" and the like of a /proc/PID/status; nullopt: not there.
[[nodiscard]] std::optional<std::string_view> status_field(std::string_view status,
                                                           std::string_view key);

// Is cgroup.freeze 1 in the cgroup `path` or in one above it?
[[nodiscard]] bool is_to_freeze(const cgroup::Tree& tree, std::string_view path);

// Extended attributes user.oomd_* (systemd-oomd) and trusted.oomd_* of the cgroup `path` or of the
// nearest one above it that has any. `where`: that one.
[[nodiscard]] std::map<std::string, std::string> oomd_marks(const cgroup::Tree& tree,
                                                            std::string_view path,
                                                            std::string& where);

// The path of a living cgroup by its id (open_by_handle_at(2)); empty: gone, or not permitted.
[[nodiscard]] std::string cgroup_path_of(const cgroup::Tree& tree, CgroupId id);

}  // namespace cgwarden::agent
