#include "launcher/oci/foreground.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <optional>

#include "launcher/console.h"
#include "launcher/terminal.h"

namespace cgwarden::launcher::oci {
namespace {

int exit_status(const siginfo_t& end) {
  return end.si_code == CLD_EXITED ? end.si_status : 128 + end.si_status;
}

// All signals come by sigwaitinfo(2) while alive.
class AllSignalsBlocked {
 public:
  AllSignalsBlocked() {
    sigset_t all;
    ::sigfillset(&all);
    ::sigprocmask(SIG_SETMASK, &all, &before_);
  }
  AllSignalsBlocked(const AllSignalsBlocked&) = delete;
  AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;
  ~AllSignalsBlocked() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

std::optional<int> reap(const Spawned& spawned, int flags) {
  siginfo_t end{};
  int result = 0;
  do {
    result = ::waitid(P_PIDFD, static_cast<id_t>(spawned.pidfd.get()), &end, WEXITED | flags);
  } while (result != 0 && errno == EINTR);
  if (result != 0 || end.si_pid == 0) return std::nullopt;
  return exit_status(end);
}

int wait_and_forward(const Spawned& spawned) {
  sigset_t all;
  ::sigfillset(&all);
  for (;;) {
    if (const auto status = reap(spawned, WNOHANG)) return *status;
    siginfo_t info{};
    const int number = ::sigwaitinfo(&all, &info);
    if (number > 0 && number != SIGCHLD) {
      ::syscall(SYS_pidfd_send_signal, spawned.pidfd.get(), number, nullptr, 0);
    }
  }
}

Outcome<int> run_with_terminal(const std::function<Outcome<Spawned>(int)>& launch) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return std::unexpected(Failure(Error::from_errno(errno, "make", "a socket for the terminal")));
  }
  const UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  CGW_ASSIGN(const Spawned spawned, launch(theirs.get()));
  theirs.reset();
  CGW_ASSIGN(const UniqueFd master, receive_terminal(ours.get()));
  {
    CGW_ASSIGN(const RawTerminal raw,
               RawTerminal::enter(STDIN_FILENO, ::isatty(STDOUT_FILENO) == 0));
    CGW_TRY(relay_terminal(master.get(), STDIN_FILENO, STDOUT_FILENO, spawned.pidfd.get()));
  }
  return reap(spawned, 0).value_or(1);
}

}  // namespace

Outcome<int> run_in_foreground(bool terminal, const std::function<Outcome<Spawned>(int)>& launch) {
  const AllSignalsBlocked blocked;
  if (terminal) return run_with_terminal(launch);
  CGW_ASSIGN(const Spawned spawned, launch(-1));
  return wait_and_forward(spawned);
}

}  // namespace cgwarden::launcher::oci
