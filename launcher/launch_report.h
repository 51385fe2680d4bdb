#pragma once

#include <sys/types.h>

#include <optional>

#include "launcher/spawn.h"

// The messages of a starting child to its parent, over a close-on-exec SOCK_SEQPACKET socketpair.
// The parent's end has SO_PASSCRED, so the kernel itself names the sender by its host pid.
namespace cgwarden::launcher {

// One launch error, cut to fixed sizes: no heap is needed to send it.
void report_error(int socket, const LaunchError& error);
// "execve(2) comes next": from the command itself.
void report_exec(int socket);

struct LaunchOutcome {
  pid_t main_pid = -1;               // sender of report_exec, as the receiver sees it
  std::optional<LaunchError> error;  // the first one reported
};
// Reads until every copy of the child's end is closed.
[[nodiscard]] LaunchOutcome receive_outcome(int socket);

}  // namespace cgwarden::launcher
