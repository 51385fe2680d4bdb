#pragma once

#include <sys/types.h>

namespace cgwarden::launcher {

// The built-in init: forwards every signal that can be forwarded to `main_child`, reaps every
// orphan, and when `main_child` ends writes its WaitStatus to `status_fd` and exits with its code
// or 128+signal; the kernel then ends whatever is left in the pid namespace. Keeps no descriptor
// but status_fd and no capability but CAP_KILL. Expects all signals blocked. Never returns, uses no
// heap.
[[noreturn]] void run_init(pid_t main_child, int status_fd);

}  // namespace cgwarden::launcher
