#pragma once

#include <csignal>
#include <functional>
#include <memory>

#include "launcher/launch_step.h"

namespace cgwarden::launcher {

// The caller's own terminal in raw mode while alive; for foreground `run` and `exec` with a
// terminal. With `make_lines` it goes on turning line feeds into carriage return and line feed, for
// a command whose terminal does not (SpawnRequest::relayed_terminal). A descriptor that is no
// terminal is left alone.
class RawTerminal {
 public:
  [[nodiscard]] static StepResult<RawTerminal> enter(int fd, bool make_lines = false);
  RawTerminal(RawTerminal&& other) noexcept;
  RawTerminal& operator=(RawTerminal&&) = delete;
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;
  ~RawTerminal();

 private:
  struct Saved;
  RawTerminal();
  int fd_ = -1;
  std::unique_ptr<Saved> saved_;
};

// Copies both ways between stdio and the master until the master hangs up or the process of `pidfd`
// has ended and what it wrote is out; -1 for one that had ended before. A new size of the terminal
// at `input` (SIGWINCH) is passed on to the master; every other signal that arrives, SIGCHLD apart,
// is left to `on_signal`, without one sent to the process. The caller has all signals blocked and
// reaps the process itself. Stage "console".
[[nodiscard]] Step relay_terminal(int master, int input, int output, int pidfd,
                                  const std::function<void(int)>& on_signal = {});

}  // namespace cgwarden::launcher
