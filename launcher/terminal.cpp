#include "launcher/terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>
#include <string_view>
#include <utility>

#include "base/file.h"
#include "base/unique_fd.h"

namespace cgwarden::launcher {
namespace {

constexpr std::size_t kChunk = 4096;
// What a terminal holds at most before it stops taking input: pasted text waits here.
constexpr std::size_t kInputPending = 64U * 1024U;

void copy_size(int from, int to) {
  winsize size{};
  if (::ioctl(from, TIOCGWINSZ, &size) == 0) ::ioctl(to, TIOCSWINSZ, &size);
}

struct RelayEnds {
  int master;
  int input;
  int output;
  int pidfd;
  int signals;
  std::function<void(int)> on_signal;
};

// One relay: who is read and written when.
class Relay {
 public:
  explicit Relay(const RelayEnds& ends)
      : master_(ends.master),
        input_(ends.input),
        output_(ends.output),
        pidfd_(ends.pidfd),
        signals_(ends.signals),
        on_signal_(ends.on_signal) {}

  // False at the end.
  StepResult<bool> turn() {
    const bool room = pending_.size() < kInputPending;
    const auto events = static_cast<short>(POLLIN | (pending_.empty() ? 0 : POLLOUT));
    std::array<pollfd, 4> watched{{{master_, events, 0},
                                   {input_open_ && room ? input_ : -1, POLLIN, 0},
                                   {signals_, POLLIN, 0},
                                   {pidfd_, POLLIN, 0}}};
    if (::poll(watched.data(), watched.size(), has_ended() ? 0 : -1) < 0) {
      if (errno == EINTR) return true;
      return failed("console", "poll");
    }
    if ((watched[2].revents & POLLIN) != 0) pass_signal();
    if ((watched[1].revents & (POLLIN | POLLHUP | POLLERR)) != 0) take_input();
    if ((watched[0].revents & POLLOUT) != 0) give_input();
    if ((watched[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0) return copy_output();
    if (!has_ended() && (watched[3].revents & POLLIN) == 0) return true;
    // It has ended; others may hold the terminal open for ever. What it wrote at last may have come
    // after the terminal was looked at and before its end was.
    pollfd rest{master_, POLLIN, 0};
    if (::poll(&rest, 1, 0) > 0 && (rest.revents & POLLIN) != 0) return copy_output();
    return false;
  }

 private:
  [[nodiscard]] bool has_ended() const { return pidfd_ < 0; }

  void pass_signal() {
    signalfd_siginfo info{};
    if (::read(signals_, &info, sizeof(info)) != sizeof(info)) return;
    const auto number = static_cast<int>(info.ssi_signo);
    if (number == SIGWINCH) {
      copy_size(input_, master_);
    } else if (number != SIGCHLD && on_signal_) {
      on_signal_(number);
    } else if (number != SIGCHLD) {
      ::syscall(SYS_pidfd_send_signal, pidfd_, number, nullptr, 0);
    }
  }
  void take_input() {
    std::array<char, kChunk> buffer{};
    const ssize_t count = ::read(input_, buffer.data(), buffer.size());
    if (count > 0) {
      pending_.append(buffer.data(), static_cast<std::size_t>(count));
    } else if (count == 0 || (errno != EINTR && errno != EAGAIN)) {
      // What a terminal has for an end of file; without it `cat` would wait for ever.
      input_open_ = false;
      termios modes{};
      if (::tcgetattr(master_, &modes) == 0) pending_ += static_cast<char>(modes.c_cc[VEOF]);
    }
  }
  void give_input() {
    const ssize_t count = ::write(master_, pending_.data(), pending_.size());
    if (count > 0) pending_.erase(0, static_cast<std::size_t>(count));
  }
  StepResult<bool> copy_output() {
    std::array<char, kChunk> buffer{};
    const ssize_t count = ::read(master_, buffer.data(), buffer.size());
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) return true;
    // EIO: the last one who had the slave has closed it.
    if (count <= 0) return false;
    if (!write_all(output_, std::string_view(buffer.data(), static_cast<std::size_t>(count)),
                   "output")) {
      return failed("console", "the output cannot be written");
    }
    return true;
  }

  int master_;
  int input_;
  int output_;
  int pidfd_;
  int signals_;
  std::function<void(int)> on_signal_;
  bool input_open_ = true;
  std::string pending_;
};

// The master does not block while the relay runs, so that unread input cannot stop the output.
class NonBlocking {
 public:
  explicit NonBlocking(int fd) : fd_(fd), flags_(::fcntl(fd, F_GETFL)) {
    ::fcntl(fd_, F_SETFL, flags_ | O_NONBLOCK);
  }
  NonBlocking(const NonBlocking&) = delete;
  NonBlocking& operator=(const NonBlocking&) = delete;
  ~NonBlocking() { ::fcntl(fd_, F_SETFL, flags_); }

 private:
  int fd_;
  int flags_;
};

}  // namespace

struct RawTerminal::Saved {
  termios modes{};
};

RawTerminal::RawTerminal() = default;
RawTerminal::RawTerminal(RawTerminal&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), saved_(std::move(other.saved_)) {}
RawTerminal::~RawTerminal() {
  if (saved_) ::tcsetattr(fd_, TCSANOW, &saved_->modes);
}

StepResult<RawTerminal> RawTerminal::enter(int fd, bool make_lines) {
  RawTerminal result;
  auto saved = std::make_unique<Saved>();
  if (::tcgetattr(fd, &saved->modes) != 0) {
    if (errno == ENOTTY) return result;
    return failed("console", "the modes of the terminal cannot be read");
  }
  termios raw = saved->modes;
  ::cfmakeraw(&raw);
  // The other end leaves line feeds alone (leave_line_feeds), so this one makes lines of them.
  if (make_lines) raw.c_oflag |= OPOST;
  if (::tcsetattr(fd, TCSANOW, &raw) != 0) {
    return failed("console", "the terminal cannot be made raw");
  }
  result.fd_ = fd;
  result.saved_ = std::move(saved);
  return result;
}

Step relay_terminal(int master, int input, int output, int pidfd,
                    const std::function<void(int)>& on_signal) {
  sigset_t all;
  ::sigfillset(&all);
  const UniqueFd signals(::signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals.valid()) return failed("console", "signalfd");
  copy_size(input, master);
  const NonBlocking unblocked(master);
  Relay relay({.master = master,
               .input = input,
               .output = output,
               .pidfd = pidfd,
               .signals = signals.get(),
               .on_signal = on_signal});
  for (;;) {
    CGW_ASSIGN(const bool more, relay.turn());
    if (!more) return {};
  }
}

}  // namespace cgwarden::launcher
