#pragma once

#include <sys/types.h>

#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <vector>

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

// One step of a launch: done, or the LaunchError that ends it. Works with CGW_TRY and CGW_ASSIGN.
using Step = std::expected<void, LaunchError>;
template <typename T>
using StepResult = std::expected<T, LaunchError>;

// What waitid(2) says: CLD_EXITED with the exit code, CLD_KILLED or CLD_DUMPED with the signal. A
// program that itself exits 137 stays CLD_EXITED 137.
struct WaitStatus {
  int code = 0;
  int status = 0;
};

struct Spawned;
class NetworkAhead;

struct SpawnRequest {
  const Spec* spec = nullptr;
  int cgroup_fd =
      -1;            // O_PATH fd of the cgroup to be born in (CLONE_INTO_CGROUP); -1: the caller's
  int stdin_fd = 0;  // borrowed; become 0, 1, 2 of the command
  int stdout_fd = 1;
  int stderr_fd = 2;
  // The caller's descriptors 3 to 2+preserve_fds stay open in the command; all must be open.
  unsigned preserve_fds = 0;
  // Connected AF_UNIX socket that gets the master of process.terminal; -1: no terminal is made.
  int console_socket = -1;
  // What the command writes to its terminal is copied to another one (relay_terminal), which makes
  // lines of it: a line feed stays one (no ONLCR), so that a copy to a file or pipe has none added.
  bool relayed_terminal = false;
  // Gets the listener of a seccomp profile with SCMP_ACT_NOTIFY and the host pid it speaks of.
  std::function<Step(pid_t pid, UniqueFd listener)> seccomp_listener = {};
  // Closed in the child at once: files of the host, which it must not take along on its way into
  // the container, and what must end with the caller, as the lock of a directory and the connection
  // to who waits for its end. -1: none.
  std::vector<int> callers_fds = {};
  // Listening socket (start_gate.h): before execve(2) the command waits there to be let through,
  // and its errors go to whoever opens the gate.
  int start_gate = -1;
  // Directory of compiled seccomp programs (seccomp_config.h); empty: none.
  std::string seccomp_cache = {};
  // Called in the parent once the child (host pid given) stands in its namespaces and, but for
  // `mounts_meanwhile`, before it mounts anything. Its answer is the state (OCI runtime-spec
  // runtime.md "State", JSON) that hooks run by the child get on stdin.
  std::function<StepResult<std::string>(pid_t child)> prepare = {};
  // Called in the parent when the command stands before its gate, or without one as soon as
  // execve(2) has succeeded. Its answer is the state that startContainer hooks get. Until it has
  // returned, the death of the parent ends the command that waits.
  std::function<StepResult<std::string>(const Spawned& spawned)> ready = {};
  // keyctl(2) KEYCTL_JOIN_SESSION_KEYRING: the host's session key ring is left.
  bool new_keyring = true;
  // False: the rootfs becomes "/" by chroot(2) over a moved mount, where the host's root is an
  // initramfs, which pivot_root(2) refuses.
  bool pivot_root = true;
  // Makes the network namespace of the spec meanwhile (NetworkAhead::fits): the child enters it
  // behind `prepare`, which finds it outside. nullptr: it is born in it.
  NetworkAhead* network = nullptr;
  // `prepare` neither shows the child to anybody nor puts it elsewhere: while it runs the child may
  // already mount. What shows a network, and what follows the mounts, comes after it.
  bool mounts_meanwhile = false;
};

struct Spawned {
  pid_t pid = -1;  // direct child: the built-in init when spec.init, else the command; host pid
  pid_t main_pid = -1;  // the command's host pid (== pid without init)
  UniqueFd pidfd;       // of `pid`
  UniqueFd status_fd;   // with init: one WaitStatus of the command arrives here before init exits
                        // (read_status); else invalid
};

// Starts the isolated process; returns after its execve(2) succeeded or with the stage that failed,
// in which case nothing is left behind. Must be called from a single-threaded process, but for the
// thread of `network`.
[[nodiscard]] std::expected<Spawned, LaunchError> spawn(const SpawnRequest& request);

// The command's status as the built-in init saw it; nullopt when init died before it could tell
// (killed from outside).
[[nodiscard]] std::optional<WaitStatus> read_status(const Spawned& spawned);

}  // namespace cgwarden::launcher
