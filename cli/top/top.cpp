#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <exception>
#include <optional>
#include <thread>

#include "base/text.h"
#include "base/unique_fd.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/terminal.h"
#include "cli/top/curses_terminal.h"
#include "cli/top/plain.h"
#include "cli/top/session.h"

namespace cgwarden::cli {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;
// The second look at the kernel, which gives the first rates, comes soon.
constexpr std::chrono::milliseconds kFirstRates{300};
// Of the past only the age changes.
constexpr std::chrono::milliseconds kAgeChanges{1000};

std::chrono::milliseconds delay_of(const TopOptions& options) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(options.delay_seconds * 1000));
}

int no_such_cgroup(const std::string& name) {
  complain("there is no cgroup, workload, unit, container or pod called '" + printable(name) +
           "' at that moment");
  return kNoSuchWorkload;
}

bool lacks_the_named(const top::Session& session, const TopOptions& options) {
  return !options.name.empty() && session.frame().rows.empty();
}

// Signals as a descriptor: those that end the program, so that the terminal is put right first, and
// the one of a new size.
class Signals {
 public:
  static Result<Signals> open() {
    sigset_t wanted;
    ::sigemptyset(&wanted);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGWINCH, SIGCONT}) {
      ::sigaddset(&wanted, signal);
    }
    ::pthread_sigmask(SIG_BLOCK, &wanted, nullptr);
    UniqueFd fd(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!fd.valid()) return fail(Error::from_errno(errno, "create", "signalfd"));
    return Signals(std::move(fd));
  }
  [[nodiscard]] int fd() const { return fd_.get(); }
  // 0: none is waiting.
  [[nodiscard]] int take() const {
    signalfd_siginfo info{};
    const ssize_t got = ::read(fd_.get(), &info, sizeof info);
    return got == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
  }

 private:
  explicit Signals(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

// As if it had never been caught: the caller sees what ended us.
int end_by(int signal) {
  std::signal(signal, SIG_DFL);
  sigset_t one;
  ::sigemptyset(&one);
  ::sigaddset(&one, signal);
  ::raise(signal);
  ::pthread_sigmask(SIG_UNBLOCK, &one, nullptr);
  return kRuntime;
}

// Full screen until the person quits. Gives the signal that ended it, 0 for none.
class Interactive {
 public:
  Interactive(top::Session& session, top::CursesTerminal& terminal, const Signals& signals,
              const TopOptions& options)
      : session_(session), terminal_(terminal), signals_(signals), options_(options) {}

  int run() {
    std::size_t ticks = 0;
    auto due = std::chrono::steady_clock::now() + std::min(kFirstRates, delay_of(options_));
    while (!session_.over() && ended_by_ == 0) {
      terminal_.show(session_.screen(terminal_.size(), terminal_.unicode()));
      if (!wait_until(session_.is_live() ? due : std::chrono::steady_clock::now() + kAgeChanges)) {
        break;
      }
      const auto now = std::chrono::steady_clock::now();
      if (!session_.is_live() || now < due) continue;
      session_.tick();
      if (options_.ticks && ++ticks >= *options_.ticks) break;
      // A tick that took longer than its time does not make the next ones come in a row.
      due = std::max(due + delay_of(options_), std::chrono::steady_clock::now());
    }
    return ended_by_;
  }

 private:
  // false: the terminal has gone.
  bool wait_until(SteadyTime due) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(due - std::chrono::steady_clock::now());
    std::array<pollfd, 2> waiting{{{STDIN_FILENO, POLLIN, 0}, {signals_.fd(), POLLIN, 0}}};
    const int timeout = static_cast<int>(std::max<std::int64_t>(left.count(), 0));
    if (::poll(waiting.data(), waiting.size(), timeout) < 0) return errno == EINTR;
    for (int signal = signals_.take(); signal != 0; signal = signals_.take()) {
      if (signal == SIGWINCH) {
        terminal_.resize();
      } else if (signal == SIGCONT) {
        terminal_.redraw();
      } else {
        ended_by_ = signal;
      }
    }
    bool any = false;
    while (const auto key = terminal_.read_key()) {
      any = true;
      session_.press(*key, terminal_.size());
      if (session_.over()) break;
    }
    const auto events = static_cast<unsigned>(waiting[0].revents);
    return any || (events & (POLLHUP | POLLERR | POLLNVAL)) == 0;
  }

  top::Session& session_;
  top::CursesTerminal& terminal_;
  const Signals& signals_;
  const TopOptions& options_;
  int ended_by_ = 0;
};

// `begin` shows the first moment.
template <typename Begin>
int interactive(const TopOptions& options, top::Session& session, const Begin& begin) {
  const auto signals = Signals::open();
  if (!signals) return failed(signals.error());
  if (const Status begun = begin(); !begun) return failed(begun.error());
  if (lacks_the_named(session, options)) return no_such_cgroup(options.name);
  int ended_by = 0;
  try {
    auto terminal = top::CursesTerminal::open(report_style().color);
    if (!terminal) return failed(terminal.error());
    ended_by = Interactive(session, **terminal, *signals, options).run();
  } catch (const std::exception& exception) {
    // The terminal is put right by now, and the sentence can be read.
    complain(std::string("the display ended: ") + exception.what());
    return kRuntime;
  }
  return ended_by == 0 ? kOk : end_by(ended_by);
}

void print_frame(const Common& common, top::Session& session) {
  if (const std::string message = session.take_message(); !message.empty()) complain(message);
  const bool live = session.is_live();
  print(common.json ? top::frame_json(session.frame(), session.state(), live)
                    : top::plain_text(session.frame(), session.state(), live));
  std::fflush(stdout);
}

int plain_live(const Common& common, const TopOptions& options, top::Session& session) {
  if (const Status begun = session.go_live(); !begun) return failed(begun.error());
  if (lacks_the_named(session, options)) return no_such_cgroup(options.name);
  auto due = std::chrono::steady_clock::now();
  for (std::size_t ticks = 0; !options.ticks || ticks < *options.ticks; ++ticks) {
    due = std::max(due + delay_of(options), std::chrono::steady_clock::now());
    std::this_thread::sleep_until(due);
    session.tick();
    if (!common.json && ticks > 0) print("\n");
    print_frame(common, session);
    if (std::ferror(stdout) != 0) return kRuntime;
  }
  return kOk;
}

int plain_past(const Common& common, const TopOptions& options, top::Session& session, Usec time) {
  if (const Status begun = session.go_to(time); !begun) return failed(begun.error());
  if (lacks_the_named(session, options)) return no_such_cgroup(options.name);
  print_frame(common, session);
  for (std::size_t ticks = 1; ticks < options.ticks.value_or(1); ++ticks) {
    const auto more = session.go_on();
    if (!more) return failed(more.error());
    if (!*more) break;
    if (!common.json) print("\n");
    print_frame(common, session);
  }
  return kOk;
}

bool is_plain(const Common& common, const TopOptions& options) {
  return common.json || options.batch || !on_terminal() || ::isatty(STDIN_FILENO) != 1;
}

}  // namespace

int run_top(const Common& common, const TopOptions& options) {
  const SystemClock clock;
  top::Session session(common, options, clock);
  if (is_plain(common, options)) return plain_live(common, options, session);
  return interactive(options, session, [&] { return session.go_live(); });
}

int run_replay(const Common& common, const TopOptions& options) {
  const SystemClock clock;
  const auto time = top::parse_moment(options.time, clock.now().wall);
  if (!time) {
    complain(time.error().sentence());
    return kUsage;
  }
  top::Session session(common, options, clock);
  if (is_plain(common, options)) return plain_past(common, options, session, *time);
  return interactive(options, session, [&] { return session.go_to(*time); });
}

}  // namespace cgwarden::cli
