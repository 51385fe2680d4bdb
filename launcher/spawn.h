#pragma once

#include <sys/types.h>

#include <expected>
#include <optional>
#include <string>

#include "base/unique_fd.h"
#include "launcher/spec.h"

namespace cgwarden::launcher {

// Where a launch failed. The child reports it over a CLOEXEC socket; closing without a report means
// execve(2) succeeded.
struct LaunchError {
  std::string stage;  // "clone", "rootfs", "mount", "pivot_root", "capabilities", "seccomp", "cwd",
                      // "exec", ...
  int errno_value = 0;  // 0 when no system call failed
  std::string
      text;  // the object and what to know: "/bin/serverd: its interpreter /lib/ld.so is missing"
  // "cannot start: <stage>: <text>: <strerror>"
  [[nodiscard]] std::string sentence() const;
  // The shell's convention (facts of exec(3)): 127 not found, 126 found but not executable, 125
  // every other stage.
  [[nodiscard]] int exit_code() const;
};

// What waitid(2) says: CLD_EXITED with the exit code, CLD_KILLED or CLD_DUMPED with the signal. A
// program that itself exits 137 stays CLD_EXITED 137.
struct WaitStatus {
  int code = 0;
  int status = 0;
};

struct SpawnRequest {
  const Spec* spec = nullptr;
  int cgroup_fd =
      -1;            // O_PATH fd of the cgroup to be born in (CLONE_INTO_CGROUP); -1: the caller's
  int stdin_fd = 0;  // borrowed; become 0, 1, 2 of the command
  int stdout_fd = 1;
  int stderr_fd = 2;
};

struct Spawned {
  pid_t pid = -1;  // direct child: the built-in init when spec.init, else the command; host pid
  pid_t main_pid = -1;  // the command's host pid (== pid without init)
  UniqueFd pidfd;       // of `pid`
  UniqueFd status_fd;   // with init: one WaitStatus of the command arrives here before init exits
                        // (read_status); else invalid
};

// Starts the isolated process; returns after its execve(2) succeeded or with the stage that failed,
// in which case nothing is left behind. Must be called from a single-threaded process.
[[nodiscard]] std::expected<Spawned, LaunchError> spawn(const SpawnRequest& request);

// The command's status as the built-in init saw it; nullopt when init died before it could tell
// (killed from outside).
[[nodiscard]] std::optional<WaitStatus> read_status(const Spawned& spawned);

}  // namespace cgwarden::launcher
