#include "benchmarks/launch/measure.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

namespace cgwarden::benchmarks {
namespace {

constexpr int kFilterFd = 9;

double msec(const timeval& time) {
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_usec) / 1e3;
}

pid_t start(const std::vector<std::string>& command, const std::string& filter) {
  std::vector<char*> words;
  for (const auto& word : command) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  if (!filter.empty()) {
    ::posix_spawn_file_actions_addopen(&actions, kFilterFd, filter.c_str(), O_RDONLY, 0);
  }
  pid_t child = 0;
  const int failed = ::posix_spawn(&child, words[0], &actions, nullptr, words.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed == 0) return child;
  std::fprintf(stderr, "launch_benchmark: %s: %s\n", words[0], std::strerror(failed));
  std::exit(1);
}

}  // namespace

Run run_once(const std::vector<std::string>& command, const std::string& filter) {
  const auto begin = std::chrono::steady_clock::now();
  const pid_t child = start(command, filter);
  int status = 0;
  rusage usage{};
  if (::wait4(child, &status, 0, &usage) != child || status != 0) {
    std::string line;
    for (const auto& word : command) line += " " + word;
    std::fprintf(stderr, "launch_benchmark: it ended with status %d:%s\n", status, line.c_str());
    std::exit(1);
  }
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
  return {.wall_msec = took.count(),
          .cpu_msec = msec(usage.ru_utime) + msec(usage.ru_stime),
          .peak_kib = usage.ru_maxrss};
}

std::optional<long> system_calls(const std::vector<std::string>& command,
                                 const std::string& filter) {
  const std::string strace = in_path("strace");
  if (strace.empty()) return {};
  std::string table = "/tmp/launch_benchmark.XXXXXX";
  const int fd = ::mkstemp(table.data());
  if (fd < 0) return {};
  ::close(fd);
  std::vector<std::string> traced{strace, "-f", "-c", "-U", "calls,name", "-o", table};
  traced.insert(traced.end(), command.begin(), command.end());
  (void)run_once(traced, filter);
  std::ifstream lines(table);
  std::optional<long> total;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    long calls = 0;
    std::string name;
    if (words >> calls >> name && name == "total") total = calls;
  }
  ::unlink(table.c_str());
  return total;
}

std::string in_path(const std::string& program) {
  const char* path = std::getenv("PATH");
  std::istringstream directories(path == nullptr ? "" : path);
  for (std::string directory; std::getline(directories, directory, ':');) {
    const std::string candidate = directory + "/" + program;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return {};
}

}  // namespace cgwarden::benchmarks
