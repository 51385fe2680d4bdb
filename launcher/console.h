#pragma once

#include <string>

#include "base/unique_fd.h"
#include "launcher/launch_step.h"
#include "launcher/spec.h"

namespace cgwarden::launcher {

// process.terminal, in the container after pivot_root, by the process that will be the command and
// still has its privileges: opens a new pseudo terminal from the container's own /dev/pts (checked
// to be devpts, CVE-2025-52565), sets its size and owner, begins a session with it as controlling
// terminal and stdin, stdout, stderr of the caller, and returns the master. With `bind_console`
// (the container's first process, not exec) the slave is also bound on /dev/console. `relayed`: it
// does not turn line feeds into carriage return and line feed. All by
// descriptor: no path of the slave is resolved. Stage "console".
[[nodiscard]] StepResult<UniqueFd> open_terminal(const Process& process, bool bind_console,
                                                 bool relayed = false);

// Connects to the AF_UNIX socket at `path` (--console-socket), of any length; before pivot_root.
[[nodiscard]] StepResult<UniqueFd> connect_console_socket(const std::string& path);
// Sends the master over a connected socket, SCM_RIGHTS with the slave's name as payload, as runc's
// and crun's callers expect.
[[nodiscard]] Step send_terminal(int socket, int master);
// Both at once.
[[nodiscard]] Step send_terminal(const std::string& path, int master);

// The master that a command has sent by its console socket, from the socket's other end. Does not
// wait. Stage "console".
[[nodiscard]] StepResult<UniqueFd> receive_terminal(int socket);

}  // namespace cgwarden::launcher
