// The real program on a terminal: a recording to look at, keys, a resize, and the terminal as it
// was at every end.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "cli/top/session.h"
#include "tests/cli/command.h"
#include "tests/diagnosis/recorded.h"
#include "tests/paths.h"

namespace cgwarden::cli::top {
namespace {

using testing::HasSubstr;

constexpr std::uint64_t kSecondsMs = 1000;
constexpr std::uint64_t kBegin = 1'769'860'800'000;  // 2026-01-31 12:00:00 UTC, milliseconds
constexpr const char* kMoment = "2026-01-31 12:02:00";
constexpr std::uint64_t kMiB = 1024 * 1024;

// Three minutes of a workload that uses half a core and grows by a MiB a second.
class Recorded {
 public:
  Recorded() {
    std::string name = "/tmp/cgwarden-top-test.XXXXXX";
    directory_ = ::mkdtemp(name.data());
    std::filesystem::create_directories(directory_ + "/run/recorder");
    std::filesystem::create_directories(directory_ + "/state");
    diagnosis::testing::SegmentBytes segment(1);
    for (std::uint64_t second = 0; second < 180; ++second) {
      segment.begin_tick(kBegin + second * kSecondsMs);
      segment.add(1, "/", diagnosis::testing::row_of({{"cpu.stat.usage_usec", second * 500'000}}));
      segment.add(2, "/cgwarden.slice/web.scope/payload",
                  diagnosis::testing::row_of({{"cpu.stat.usage_usec", second * 500'000},
                                              {"memory.current", second * kMiB},
                                              {"memory.max", 200 * kMiB},
                                              {"pids.current", 3}}));
      segment.end_tick();
    }
    std::ofstream(directory_ + "/run/recorder/1.ring", std::ios::binary) << segment.bytes();
  }
  ~Recorded() { std::filesystem::remove_all(directory_); }
  Recorded(const Recorded&) = delete;
  Recorded& operator=(const Recorded&) = delete;

  [[nodiscard]] std::vector<std::string> words(std::vector<std::string> more) const {
    std::vector<std::string> all{"--state-dir", directory_ + "/state", "--runtime-dir",
                                 directory_ + "/run"};
    all.insert(all.begin(), more.begin(), more.end());
    return all;
  }

 private:
  std::string directory_;
};

const Recorded& recorded() {
  static const Recorded kRecorded;
  return kRecorded;
}

class Terminal {
 public:
  explicit Terminal(std::vector<std::string> words, const char* type = "xterm-256color",
                    const std::string& locale = "C.UTF-8", const std::string& other = "X=y") {
    winsize size{24, 80, 0, 0};
    words.insert(words.begin(), in_build("cli/cgwarden"));
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    std::array<std::string, 5> variables{std::string("TERM=") + type, "LC_ALL=" + locale, other,
                                         "PATH=/usr/bin:/bin",
                                         "DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nonexistent/bus"};
    std::array<char*, 6> environment{variables[0].data(), variables[1].data(), variables[2].data(),
                                     variables[3].data(), variables[4].data(), nullptr};
    EXPECT_EQ(::openpty(&master_, &slave_, nullptr, nullptr, &size), 0);
    ::tcgetattr(slave_, &before_);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::setsid();
      ::ioctl(slave_, TIOCSCTTY, 0);
      for (int fd = 0; fd < 3; ++fd) ::dup2(slave_, fd);
      ::close(master_);
      ::close(slave_);
      ::execve(argv[0], argv.data(), environment.data());
      ::_exit(127);
    }
  }
  ~Terminal() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    ::close(master_);
    ::close(slave_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  // Since the last call that found something; the text before it is taken away. Only what changes
  // is sent to a terminal, and all of it after SIGCONT.
  bool shows(const std::string& text) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    for (;;) {
      const std::size_t at = screen_.find(text);
      if (at != std::string::npos) {
        screen_.erase(0, at + text.size());
        return true;
      }
      if (std::chrono::steady_clock::now() > end) return false;
      ::kill(pid_, SIGCONT);
      take(100);
    }
  }
  void press(std::string_view keys) {
    EXPECT_EQ(::write(master_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
  }
  void resize(unsigned short rows, unsigned short columns) {
    const winsize size{rows, columns, 0, 0};
    EXPECT_EQ(::ioctl(master_, TIOCSWINSZ, &size), 0);
  }
  void signal(int signal) { ::kill(pid_, signal); }
  // The status of waitpid(2), and all that was written until then.
  int wait() {
    int status = 0;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (::waitpid(pid_, &status, WNOHANG) == 0) {
      if (std::chrono::steady_clock::now() > end) return -1;
      take(20);
    }
    pid_ = -1;
    while (take(0)) {
    }
    return status;
  }
  [[nodiscard]] const std::string& all() const { return all_; }
  [[nodiscard]] const std::string& rest() const { return screen_; }
  // Modes of the line, and the other screen left.
  [[nodiscard]] bool restored() const {
    termios now{};
    ::tcgetattr(slave_, &now);
    return now.c_lflag == before_.c_lflag && now.c_iflag == before_.c_iflag &&
           now.c_oflag == before_.c_oflag && screen_.contains("\x1b[?1049l");
  }

 private:
  // false: nothing came in that time.
  bool take(int milliseconds) {
    pollfd waiting{master_, POLLIN, 0};
    if (::poll(&waiting, 1, milliseconds) <= 0) return false;
    std::array<char, 65536> buffer{};
    const ssize_t got = ::read(master_, buffer.data(), buffer.size());
    if (got <= 0) return false;
    screen_.append(buffer.data(), static_cast<std::size_t>(got));
    all_.append(buffer.data(), static_cast<std::size_t>(got));
    return true;
  }

  int master_ = -1;
  int slave_ = -1;
  pid_t pid_ = -1;
  termios before_{};
  std::string screen_;
  std::string all_;
};

std::vector<std::string> replay(std::vector<std::string> more = {}) {
  std::vector<std::string> words{"replay", "-t", kMoment};
  words.insert(words.end(), more.begin(), more.end());
  return recorded().words(words);
}

TEST(TopTerminal, KeysGoThroughPagesAndTime) {
  Terminal terminal(replay());
  EXPECT_TRUE(terminal.shows("\x1b[?1049h")) << "a screen of its own";
  EXPECT_TRUE(terminal.shows(" PAST "));
  EXPECT_TRUE(terminal.shows("12:02:00 UTC"));
  EXPECT_TRUE(terminal.shows("2 of 2 cgroups"));
  EXPECT_TRUE(terminal.shows("web"));
  EXPECT_TRUE(terminal.shows("120M"));
  terminal.press("[");
  EXPECT_TRUE(terminal.shows("119M")) << "a tick before";
  terminal.press("\x1b[5~");
  EXPECT_TRUE(terminal.shows("59.0M")) << "a minute before";
  terminal.press("/web\r");
  EXPECT_TRUE(terminal.shows("filter web"));
  terminal.press("j\r");
  EXPECT_TRUE(terminal.shows("details"));
  EXPECT_TRUE(terminal.shows("/cgwarden.slice/web.scope/payload"));
  EXPECT_TRUE(terminal.shows("CPU cores"));
  EXPECT_TRUE(terminal.shows("0.50 (most 0.50)"));
  terminal.press("\x1b");
  EXPECT_TRUE(terminal.shows("NAME"));
  terminal.press("?");
  EXPECT_TRUE(terminal.shows("select a row"));
  terminal.press("qt2026-01-31 12:02:30\r");
  EXPECT_TRUE(terminal.shows("150M"));
  terminal.press("tnonsense\r");
  EXPECT_TRUE(terminal.shows("cannot use -t nonsense"));
  terminal.press("q");
  const int status = terminal.wait();
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_TRUE(terminal.restored());
}

TEST(TopTerminal, ALargerTerminalIsUsed) {
  Terminal terminal(replay());
  EXPECT_TRUE(terminal.shows("120M"));
  terminal.resize(50, 200);
  EXPECT_TRUE(terminal.shows("LAST VERDICT"));
  terminal.resize(10, 40);
  terminal.press("q");
  EXPECT_EQ(terminal.wait(), 0);
  EXPECT_TRUE(terminal.restored());
}

TEST(TopTerminal, ColoursAndUnicodeOnlyWhereTheyAreWelcome) {
  const std::string ellipsis = "\u2026";
  Terminal coloured(replay({"--filter", "web"}));
  EXPECT_TRUE(coloured.shows("120M"));
  coloured.press("q");
  EXPECT_EQ(coloured.wait(), 0);
  EXPECT_THAT(coloured.all(), HasSubstr("\x1b[33m"));
  EXPECT_THAT(coloured.all(), HasSubstr(ellipsis));
  Terminal plain(replay({"--filter", "web"}), "xterm-256color", "C", "NO_COLOR=1");
  EXPECT_TRUE(plain.shows("120M"));
  plain.press("q");
  EXPECT_EQ(plain.wait(), 0);
  EXPECT_THAT(plain.all(), testing::Not(HasSubstr("\x1b[33m")));
  EXPECT_TRUE(std::ranges::none_of(plain.all(), [](char c) { return (c & 0x80) != 0; }));
}

TEST(TopTerminal, ASignalLeavesTheTerminalAsItWas) {
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
    Terminal terminal(replay());
    EXPECT_TRUE(terminal.shows("120M"));
    terminal.signal(signal);
    const int status = terminal.wait();
    EXPECT_TRUE(WIFSIGNALED(status)) << signal;
    EXPECT_EQ(WTERMSIG(status), signal);
    EXPECT_TRUE(terminal.restored()) << signal;
  }
}

TEST(TopTerminal, AnUnknownTerminalIsASentence) {
  Terminal terminal(replay(), "no-such-terminal");
  const int status = terminal.wait();
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 1);
  EXPECT_THAT(terminal.rest(), HasSubstr("TERM=no-such-terminal"));
  EXPECT_THAT(terminal.rest(), HasSubstr("--batch"));
}

TEST(TopReplay, JsonOfARecordedMoment) {
  const Outcome outcome = cgwarden(replay({"--json", "-n", "2", "web"}));
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto first = nlohmann::json::parse(outcome.out.substr(0, outcome.out.find('\n')));
  EXPECT_EQ(first["time"], (kBegin + 120 * kSecondsMs) * 1000);
  EXPECT_EQ(first["live"], false);
  ASSERT_EQ(first["cgroups"].size(), 1U);
  EXPECT_EQ(first["cgroups"][0]["name"], "web");
  EXPECT_DOUBLE_EQ(first["cgroups"][0]["cpu_cores"], 0.5);
  EXPECT_EQ(first["cgroups"][0]["memory_bytes"], 120 * kMiB);
  EXPECT_DOUBLE_EQ(first["cgroups"][0]["memory_share"], 0.6);
  const auto second = nlohmann::json::parse(outcome.out.substr(outcome.out.find('\n') + 1));
  EXPECT_EQ(second["cgroups"][0]["memory_bytes"], 121 * kMiB);
}

TEST(TopReplay, WithoutATerminalItIsText) {
  const Outcome outcome = cgwarden(replay({"--sort", "memory"}));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, testing::StartsWith("past 2026-01-31 12:02:00 UTC  2 of 2 cgroups"));
  EXPECT_THAT(outcome.out, testing::Not(HasSubstr("\x1b")));
}

TEST(TopReplay, WhatCannotBeShownIsSaid) {
  const Outcome none = cgwarden(replay({"nobody"}));
  EXPECT_EQ(none.exit_code, 3);
  EXPECT_THAT(none.err, HasSubstr("called 'nobody' at that moment"));
  const Outcome early = cgwarden(recorded().words({"replay", "-t", "2020-01-01"}));
  EXPECT_EQ(early.exit_code, 1);
  EXPECT_THAT(early.err, HasSubstr("reaches from 2026-01-31 12:00:00 UTC to 2026-01-31 12:02:59"));
  EXPECT_EQ(cgwarden(recorded().words({"replay", "-t", "soon"})).exit_code, 2);
  EXPECT_EQ(cgwarden(recorded().words({"replay"})).exit_code, 2);
  EXPECT_EQ(cgwarden({"top", "--sort", "load"}).exit_code, 2);
  EXPECT_EQ(cgwarden({"top", "-d", "0"}).exit_code, 2);
  const Outcome empty = cgwarden(
      {"replay", "-t", "now", "--state-dir", "/nonexistent", "--runtime-dir", "/nonexistent"});
  EXPECT_EQ(empty.exit_code, 1);
  EXPECT_THAT(empty.err, testing::StartsWith("cgwarden: "));
}

TEST(TopMoment, ATimeOfDayIsOneThatWas) {
  constexpr Usec kNoon{kBegin * 1000};
  EXPECT_EQ(*parse_moment("11:50", kNoon), kNoon - Usec{600'000'000});
  EXPECT_EQ(*parse_moment("12:10", kNoon), kNoon - Usec{85'800'000'000});
  EXPECT_EQ(*parse_moment("10m ago", kNoon), kNoon - Usec{600'000'000});
  EXPECT_EQ(*parse_moment("2026-01-31 12:10", kNoon), kNoon + Usec{600'000'000});
  EXPECT_FALSE(parse_moment("soon", kNoon));
}

}  // namespace
}  // namespace cgwarden::cli::top
