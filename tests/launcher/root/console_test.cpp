#include "launcher/console.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <string>

#include "base/file.h"
#include "launcher/terminal.h"
#include "tests/launcher/root/in_child.h"
#include "tests/launcher/root/launched.h"

namespace cgwarden::launcher {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

Spec terminal_spec(const Rootfs& rootfs) {
  Spec spec = shell_spec(rootfs, "");
  spec.process.terminal = true;
  spec.process.console_size = ConsoleSize{.height = 30, .width = 100};
  spec.process.user.uid = 1000;
  // No new cgroup namespace here: a fresh cgroup2 would be the host's.
  spec.mounts.resize(3);
  return spec;
}

// The descriptor that came with a message, and its text.
UniqueFd receive(int socket, std::string& text) {
  std::array<char, 256> buffer{};
  iovec payload{.iov_base = buffer.data(), .iov_len = buffer.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &payload;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t size = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  text.assign(buffer.data(), size > 0 ? static_cast<std::size_t>(size) : 0U);
  int fd = -1;
  if (const cmsghdr* part = CMSG_FIRSTHDR(&message)) {
    std::memcpy(&fd, CMSG_DATA(part), sizeof(fd));
  }
  return UniqueFd(fd);
}

TEST(Console, IsTheContainersOwnTerminal) {
  const Rootfs rootfs;
  const Spec spec = terminal_spec(rootfs);
  std::array<int, 2> pair{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), 0);
  const UniqueFd ours(pair[0]);
  const UniqueFd theirs(pair[1]);
  const std::string seen = in_child([&] {
    if (const Step entered = enter_container(spec); !entered) return said(entered);
    auto master = open_terminal(spec.process, true);
    if (!master) return master.error().sentence();
    struct stat stdio{};
    struct stat console{};
    ::fstat(0, &stdio);
    ::stat("/dev/console", &console);
    std::string text = console.st_rdev == stdio.st_rdev ? "same" : "other";
    text += " uid " + std::to_string(stdio.st_uid);
    text += ::tcgetsid(1) == ::getpid() ? " controlling" : " not controlling";
    text += ::isatty(2) == 1 ? " tty" : " no tty";
    const Step sent = send_terminal(theirs.get(), master->get());
    (void)write_all(1, "through the slave\n", "tty");
    return text + " " + said(sent);
  });
  EXPECT_EQ(seen, "same uid 1000 controlling tty done");
  std::string name;
  const UniqueFd master = receive(ours.get(), name);
  ASSERT_TRUE(master.valid());
  EXPECT_EQ(name, "/dev/pts/0");
  winsize size{};
  ASSERT_EQ(::ioctl(master.get(), TIOCGWINSZ, &size), 0);
  EXPECT_EQ(size.ws_row, 30);
  EXPECT_EQ(size.ws_col, 100);
  std::array<char, 64> text{};
  EXPECT_GT(::read(master.get(), text.data(), text.size() - 1), 0);
  EXPECT_STREQ(text.data(), "through the slave\r\n");
}

// A terminal that is copied to another one leaves the ends of lines to that one.
TEST(Console, ARelayedTerminalKeepsLineFeeds) {
  const Rootfs rootfs;
  const Spec spec = terminal_spec(rootfs);
  EXPECT_EQ(in_child([&] {
              if (const Step entered = enter_container(spec); !entered) return said(entered);
              auto master = open_terminal(spec.process, true, true);
              if (!master) return master.error().sentence();
              const int fd = master->release();  // its end would end this child (SIGHUP)
              (void)write_all(1, "one\n", "tty");
              std::array<char, 64> text{};
              const ssize_t count = ::read(fd, text.data(), text.size());
              return std::string(text.data(), count < 0 ? 0U : static_cast<std::size_t>(count));
            }),
            "one\n");
}

TEST(Console, SocketsOfAnyPathLength) {
  const Rootfs rootfs;
  const std::string directory = rootfs.path("/" + std::string(150, 'd'));
  fs::create_directory(directory);
  const UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string near = rootfs.path("/s");
  near.copy(static_cast<char*>(address.sun_path), sizeof(address.sun_path) - 1);
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
            0);
  ASSERT_EQ(::listen(listener.get(), 4), 0);
  fs::rename(near, directory + "/s");
  EXPECT_TRUE(connect_console_socket(directory + "/s"));
  const auto absent = connect_console_socket(rootfs.path("/none"));
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().sentence(), "cannot start: console: the console socket " +
                                           rootfs.path("/none") +
                                           " cannot be connected to: No such file or directory");
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  EXPECT_EQ(said(send_terminal(directory + "/s", null.get())),
            "cannot start: console: it is no terminal: Inappropriate ioctl for device");
}

struct Pty {
  UniqueFd master{::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)};
  UniqueFd slave;
  Pty() {
    const int unlocked = 0;
    ::ioctl(master.get(), TIOCSPTLCK, &unlocked);
    slave.reset(::ioctl(master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  }
};

TEST(RawTerminalTest, IsRawWhileAliveAndRestoredAfter) {
  const Pty pty;
  termios before{};
  ASSERT_EQ(::tcgetattr(pty.slave.get(), &before), 0);
  ASSERT_NE(before.c_lflag & ICANON, 0U);
  {
    auto raw = RawTerminal::enter(pty.slave.get());
    ASSERT_TRUE(raw);
    const RawTerminal moved = std::move(*raw);
    termios during{};
    ASSERT_EQ(::tcgetattr(pty.slave.get(), &during), 0);
    EXPECT_EQ(during.c_lflag & (ICANON | ECHO | ISIG), 0U);
    EXPECT_EQ(during.c_oflag & OPOST, 0U);
  }
  {
    const auto lines = RawTerminal::enter(pty.slave.get(), true);
    termios during{};
    ASSERT_EQ(::tcgetattr(pty.slave.get(), &during), 0);
    EXPECT_EQ(during.c_lflag & (ICANON | ECHO | ISIG), 0U);
    EXPECT_EQ(during.c_oflag & (OPOST | ONLCR), static_cast<tcflag_t>(OPOST | ONLCR));
  }
  termios after{};
  ASSERT_EQ(::tcgetattr(pty.slave.get(), &after), 0);
  EXPECT_EQ(after.c_lflag, before.c_lflag);
  const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_TRUE(RawTerminal::enter(null.get()));
}

// A shell on the terminal that is relayed; its pid.
pid_t start_shell(const Pty& pty, const char* script) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::setsid();
  ::ioctl(pty.slave.get(), TIOCSCTTY, 0);
  for (int fd = 0; fd < 3; ++fd) ::dup2(pty.slave.get(), fd);
  ::execl("/bin/busybox", "sh", "-c", script, nullptr);
  ::_exit(127);
}

// Relays a shell between `input` and what `driver` (another process) reads until its end.
std::string relayed(const char* script, int input,
                    const std::function<std::string(int output, pid_t relay)>& driver,
                    const std::function<void(int pidfd, int number)>& on_signal = {}) {
  return in_child([&] {
    sigset_t all;
    ::sigfillset(&all);
    ::sigprocmask(SIG_SETMASK, &all, nullptr);
    Pty pty;
    const pid_t shell = start_shell(pty, script);
    const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, shell, 0)));
    pty.slave.reset();
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return std::string("pipe");
    UniqueFd output_end(ends[1]);
    const UniqueFd read_end(ends[0]);
    const pid_t relay = ::fork();
    if (relay == 0) {
      std::function<void(int)> ask;
      if (on_signal) ask = [&](int number) { on_signal(pidfd.get(), number); };
      const Step step = relay_terminal(pty.master.get(), input, output_end.get(), pidfd.get(), ask);
      (void)write_all(output_end.get(), step ? "[end]" : step.error().sentence(), "end");
      ::_exit(0);
    }
    output_end.reset();
    std::string text = driver(read_end.get(), relay);
    ::waitpid(relay, nullptr, 0);
    ::waitpid(shell, nullptr, 0);
    return text;
  });
}

std::string read_to_end(int fd) { return read_all(fd, "output", 1U << 20U).value(); }

TEST(Relay, CopiesBothWaysUntilTheProcessEnds) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const UniqueFd input(ends[0]);
  UniqueFd keyboard(ends[1]);
  ASSERT_TRUE(write_all(keyboard.get(), "hello\n", "keyboard"));
  keyboard.reset();
  const auto run = [&](const char* script) {
    return relayed(script, input.get(), [](int output, pid_t) { return read_to_end(output); });
  };
  const std::string text = run("stty -echo; read x; echo got $x; cat; echo after");
  EXPECT_THAT(text, HasSubstr("got hello\r\nafter\r\n"));
  EXPECT_THAT(text, testing::EndsWith("[end]"));
  // Somebody else keeps the terminal open: the end of the process is the end.
  EXPECT_THAT(run("setsid sleep 3 & echo done"), HasSubstr("done\r\n[end]"));
}

TEST(Relay, ShowsWhatACommandLeftThatHadEndedBefore) {
  const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const Pty pty;  // its other end stays open
  ASSERT_TRUE(write_all(pty.slave.get(), "last words\n", "terminal"));
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const UniqueFd read_end(ends[0]);
  UniqueFd output(ends[1]);
  EXPECT_TRUE(relay_terminal(pty.master.get(), null.get(), output.get(), -1));
  output.reset();
  EXPECT_EQ(read_to_end(read_end.get()), "last words\r\n");
}

TEST(Relay, PassesTheSizeAndSignalsOn) {
  const Pty user;
  winsize size{.ws_row = 20, .ws_col = 80, .ws_xpixel = 0, .ws_ypixel = 0};
  ASSERT_EQ(::ioctl(user.slave.get(), TIOCSWINSZ, &size), 0);
  // Ends only when the size that the terminal began with has arrived.
  EXPECT_EQ(relayed("until [ \"$(stty size 2>&-)\" = '20 80' ]; do :; done; echo sized",
                    user.slave.get(), [](int output, pid_t) { return read_to_end(output); }),
            "sized\r\n[end]");
  // Never sleeps: a signal just before a shell's `read` would stay unnoticed until the next one.
  const std::string text = relayed(
      "trap 'stty size' WINCH; trap 'echo term; exit' TERM; echo ready; while :; do :; done",
      user.slave.get(), [&](int output, pid_t relay) {
        std::string seen;
        bool resized = false;
        bool ended = false;
        std::array<char, 256> buffer{};
        for (ssize_t count = 0; (count = ::read(output, buffer.data(), buffer.size())) > 0;) {
          seen.append(buffer.data(), static_cast<std::size_t>(count));
          if (!resized && seen.find("ready") != std::string::npos) {
            resized = true;
            size.ws_col = 123;
            ::ioctl(user.slave.get(), TIOCSWINSZ, &size);
            ::kill(relay, SIGWINCH);
          }
          if (!ended && seen.find("20 123") != std::string::npos) {
            ended = true;
            ::kill(relay, SIGTERM);
          }
        }
        return seen;
      });
  EXPECT_THAT(text, testing::EndsWith("20 123\r\nterm\r\n[end]"));
}

TEST(Relay, LeavesSignalsToWhoeverAsksForThem) {
  const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const std::string text = relayed(
      "trap 'echo asked; exit' USR1; echo ready; while :; do :; done", null.get(),
      [](int output, pid_t relay) {
        std::string seen;
        bool told = false;
        std::array<char, 256> buffer{};
        for (ssize_t count = 0; (count = ::read(output, buffer.data(), buffer.size())) > 0;) {
          seen.append(buffer.data(), static_cast<std::size_t>(count));
          if (told || seen.find("ready") == std::string::npos) continue;
          told = true;
          ::kill(relay, SIGTERM);
        }
        return seen;
      },
      [](int pidfd, int number) {
        if (number == SIGTERM) ::syscall(SYS_pidfd_send_signal, pidfd, SIGUSR1, nullptr, 0);
      });
  EXPECT_THAT(text, testing::EndsWith("asked\r\n[end]"));
}

}  // namespace
}  // namespace cgwarden::launcher
