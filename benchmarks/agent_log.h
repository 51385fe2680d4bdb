#pragma once

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

// An agent in the guest, for benchmarks that time what it does.
namespace cgwarden::benchmarks {

// Ends the benchmark.
[[noreturn]] inline void give_up(const std::string& what) {
  std::fprintf(stderr, "benchmark: %s\n", what.c_str());
  std::exit(1);
}

inline std::int64_t boottime_usec() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

// Starts it with this command line; SIGTERM at the end.
class AgentLog {
 public:
  explicit AgentLog(const std::vector<std::string>& command) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) give_up("pipe2 failed");
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    std::vector<char*> words;
    for (const auto& word : command) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    if (::posix_spawn(&agent_, words[0], &actions, nullptr, words.data(), environ) != 0) {
      give_up("cannot start the agent");
    }
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    fd_ = ends[0];
  }
  AgentLog(const AgentLog&) = delete;
  AgentLog& operator=(const AgentLog&) = delete;
  ~AgentLog() {
    ::kill(agent_, SIGTERM);
    ::waitpid(agent_, nullptr, 0);
  }

  // Reads on until these words were logged; when they were read.
  std::int64_t wait_for(const std::string& words) {
    for (;;) {
      const auto at = text_.find(words);
      if (at != std::string::npos) {
        text_.erase(0, at + words.size());
        return read_at_;
      }
      pollfd poll{.fd = fd_, .events = POLLIN, .revents = 0};
      // Without a limit: virtual time leaps while the machine waits for its host, which has one.
      if (::poll(&poll, 1, -1) != 1) give_up("nothing was logged of: " + words);
      std::array<char, 65536> buffer{};
      const ssize_t size = ::read(fd_, buffer.data(), buffer.size());
      read_at_ = boottime_usec();
      if (size <= 0) give_up("the agent ended; its last words: " + text_);
      text_.append(buffer.data(), static_cast<std::size_t>(size));
    }
  }

 private:
  pid_t agent_ = -1;
  int fd_ = -1;
  std::string text_;
  std::int64_t read_at_ = 0;
};

}  // namespace cgwarden::benchmarks
