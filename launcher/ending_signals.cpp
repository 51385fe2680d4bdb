#include "launcher/ending_signals.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>

namespace cgwarden::launcher {
namespace {

// Ignored, or stopping, by default.
constexpr std::array kNotEnding{SIGCHLD, SIGCONT, SIGURG, SIGWINCH, SIGTSTP, SIGTTIN, SIGTTOU};

bool is_ending(int number) { return std::ranges::find(kNotEnding, number) == kNotEnding.end(); }

void end_by(int number) {
  struct sigaction action{};
  action.sa_handler = SIG_DFL;
  ::sigaction(number, &action, nullptr);
  sigset_t one;
  ::sigemptyset(&one);
  ::sigaddset(&one, number);
  ::sigprocmask(SIG_UNBLOCK, &one, nullptr);
  ::kill(::getpid(), number);
  ::_exit(128 + number);
}

void change_mask(int how) {
  sigset_t ending;
  ::sigfillset(&ending);
  for (const int number : kNotEnding) ::sigdelset(&ending, number);
  ::sigprocmask(how, &ending, nullptr);
}

}  // namespace

void set_launch_dispositions() {
  struct sigaction action{};
  for (int number = 1; number <= SIGRTMAX; ++number) {
    action.sa_handler = is_ending(number) ? end_by : SIG_DFL;
    ::sigaction(number, &action, nullptr);
  }
}

EndingSignals::EndingSignals() { change_mask(SIG_UNBLOCK); }
EndingSignals::~EndingSignals() { change_mask(SIG_BLOCK); }

}  // namespace cgwarden::launcher
