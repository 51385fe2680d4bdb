#include "launcher/init.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "launcher/spawn.h"

namespace cgwarden::launcher {
namespace {

// stdio too: a pipe to the shim must end with the workload, not with init.
int keep_only(int fd) {
  constexpr int kKept = 0;
  if (fd != kKept) ::dup2(fd, kKept);
  ::close_range(1, ~0U, 0);
  return kKept;
}

void keep_only_cap_kill() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  constexpr unsigned kKill = 1U << CAP_KILL;
  const std::array<__user_cap_data_struct, 2> data{{{kKill, kKill, 0}, {0, 0, 0}}};
  ::syscall(SYS_capset, &header, data.data());
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

// SIGSTOP and SIGKILL cannot be caught. A fault signal raised by the kernel is init's own.
bool is_forwarded(const siginfo_t& info) {
  if (info.si_signo == SIGCHLD) return false;
  return info.si_code <= 0 || info.si_code == SI_KERNEL;
}

// Reaps all that has ended; true when the main child is among it.
bool reap(pid_t main_child, siginfo_t& last) {
  for (;;) {
    siginfo_t info{};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG) != 0)
      return errno == ECHILD && last.si_pid != 0;
    if (info.si_pid == 0) return false;
    if (info.si_pid == main_child) {
      last = info;
      return true;
    }
  }
}

}  // namespace

void run_init(pid_t main_child, int status_fd) {
  ::setsid();
  status_fd = keep_only(status_fd);
  ::prctl(PR_SET_NAME, "cgwarden-init", 0, 0, 0);
  if (::getpid() != 1) ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  keep_only_cap_kill();
  sigset_t all;
  ::sigfillset(&all);
  siginfo_t end{};
  for (;;) {
    siginfo_t info{};
    if (::sigwaitinfo(&all, &info) < 0) continue;
    if (info.si_signo == SIGCHLD) {
      if (reap(main_child, end)) break;
    } else if (is_forwarded(info)) {
      ::kill(main_child, info.si_signo);
    }
  }
  const WaitStatus status{.code = end.si_code, .status = end.si_status};
  // Smaller than PIPE_BUF: written whole or, when nobody listens, not at all (SIGPIPE is blocked).
  [[maybe_unused]] const ssize_t written = ::write(status_fd, &status, sizeof(status));
  ::_exit(status.code == CLD_EXITED ? status.status : 128 + status.status);
}

}  // namespace cgwarden::launcher
