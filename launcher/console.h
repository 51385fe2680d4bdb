#pragma once

#include <string>

#include "base/unique_fd.h"
#include "launcher/launch_step.h"
#include "launcher/spec.h"

namespace cgwarden::launcher {

// process.terminal, in the container after its devpts is mounted: opens a new pseudo terminal from
// the container's own /dev/pts (checked to be devpts, CVE-2025-52565), sets its size and owner,
// makes it the controlling terminal and stdin, stdout, stderr of the caller, and returns the
// master. With `bind_console` (container init, not exec) the slave is also bound on /dev/console.
[[nodiscard]] StepResult<UniqueFd> open_terminal(const Process& process, bool bind_console);

// Sends the master over the AF_UNIX socket at `path` (--console-socket), SCM_RIGHTS with the
// slave's name as payload, as runc's and crun's callers expect.
[[nodiscard]] Step send_terminal(const std::string& path, int master);

// The caller's own terminal in raw mode while alive; for foreground `run` and `exec` with a
// terminal. relay() copies both ways between stdio and the master, passing SIGWINCH on, until the
// master hangs up.
class RawTerminal {
 public:
  [[nodiscard]] static StepResult<RawTerminal> enter(int fd);
  RawTerminal(RawTerminal&& other) noexcept;
  RawTerminal& operator=(RawTerminal&&) = delete;
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;
  ~RawTerminal();

 private:
  RawTerminal() = default;
  int fd_ = -1;
  std::string saved_;  // struct termios
};

}  // namespace cgwarden::launcher
