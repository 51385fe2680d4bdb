#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "launcher/spawn.h"

// The messages of a starting child to its parent, over a close-on-exec SOCK_SEQPACKET socketpair.
// The parent's end has SO_PASSCRED, so the kernel itself names the sender by its host pid.
namespace cgwarden::launcher {

// One launch error, cut to fixed sizes: no heap is needed to send it.
void report_error(int socket, const LaunchError& error);
// "execve(2) comes next", or with a start gate "I stand before it": from the command itself.
void report_exec(int socket);

struct LaunchOutcome {
  pid_t main_pid = -1;               // sender of report_exec, as the receiver sees it
  std::optional<LaunchError> error;  // the first one reported
};
// Reads until every copy of the child's end is closed; with `until_ready` also ends at report_exec.
[[nodiscard]] LaunchOutcome receive_outcome(int socket, bool until_ready = false);

// From the parent: "go on", with a text. False when the child is gone or the text is too long.
[[nodiscard]] bool send_go(int socket, const std::string& text);
// In the child: waits for it. nullopt: the parent is gone or gave up.
[[nodiscard]] std::optional<std::string> receive_go(int socket);

}  // namespace cgwarden::launcher
