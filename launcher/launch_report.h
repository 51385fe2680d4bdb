#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>

#include "base/unique_fd.h"
#include "launcher/spawn.h"

// The messages of a starting child to its parent, over a close-on-exec SOCK_SEQPACKET socketpair.
// The parent's end has SO_PASSCRED, so the kernel itself names the sender by its host pid.
namespace cgwarden::launcher {

// One launch error, cut to fixed sizes: no heap is needed to send it.
void report_error(int socket, const LaunchError& error);
// "execve(2) comes next", or with a start gate "I stand before it": from the command itself.
void report_exec(int socket);

// "My seccomp listener is this descriptor of mine"; by write(2), the one call that a profile may
// not hand to a listener. Then receive_go() tells that it has been taken.
void report_listener(int socket, int listener_fd);

struct LaunchOutcome {
  pid_t main_pid = -1;               // sender of report_exec, as the receiver sees it
  std::optional<LaunchError> error;  // the first one reported
  bool refused = false;              // the other end was closed with what it had been told unread
};
struct ReportReader {
  bool until_ready = false;  // end at report_exec
  // Gets a seccomp listener and the pid of the process it belongs to; absent: it is refused.
  std::function<Step(pid_t pid, UniqueFd listener)> listener = {};
};
// Reads until every copy of the child's end is closed. The socket needs SO_PASSCRED.
[[nodiscard]] LaunchOutcome receive_outcome(int socket, const ReportReader& reader);

// From the parent: "go on", with a text, and a descriptor unless it is -1. False when the child is
// gone or the text is too long.
[[nodiscard]] bool send_go(int socket, const std::string& text, int descriptor = -1);
// In the child: waits for it. nullopt: the parent is gone or gave up. `descriptor`, close-on-exec,
// stays as it is when none came.
[[nodiscard]] std::optional<std::string> receive_go(int socket, UniqueFd* descriptor = nullptr);

}  // namespace cgwarden::launcher
