#pragma once

#include <sys/types.h>

#include <string>

#include "base/unique_fd.h"
#include "launcher/launch_step.h"

// A descriptor over an AF_UNIX socket of the caller's: how runtimes of the field hand out a
// terminal (--console-socket) and a process (--pidfd-socket).
namespace cgwarden::launcher {

// Connects to the socket at `path`, of any length. `stage` names it in errors: "console", "pidfd".
[[nodiscard]] StepResult<UniqueFd> connect_descriptor_socket(const std::string& path,
                                                             const std::string& stage);

// SCM_RIGHTS with `payload`, which may not be empty, in one message. False: errno(3).
[[nodiscard]] bool send_descriptor(int socket, int descriptor, const std::string& payload);

// One message into all of `payload`; `descriptor`, close-on-exec, stays as it is when none came
// with it. The bytes that came; -1: errno(3).
[[nodiscard]] ssize_t receive_descriptor(int socket, std::string& payload, UniqueFd& descriptor);

}  // namespace cgwarden::launcher
