#pragma once

#include <sys/types.h>
#include <sys/wait.h>

#include <cerrno>

#include "launcher/spawn.h"

namespace cgwarden::launcher {

// Reaps one direct child.
inline WaitStatus wait_for_exit(pid_t pid) {
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED) != 0 && errno == EINTR) {
  }
  return {.code = info.si_code, .status = info.si_status};
}

}  // namespace cgwarden::launcher
