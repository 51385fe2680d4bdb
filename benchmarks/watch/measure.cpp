#include "benchmarks/watch/measure.h"

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

namespace cgwarden::benchmarks {
namespace {

volatile std::sig_atomic_t interrupted = 0;

double seconds_of(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

}  // namespace

void stop(const std::string& sentence) { throw std::runtime_error(sentence); }

void heed_signals() {
  struct sigaction action{};
  action.sa_handler = [](int) { interrupted = 1; };
  for (const int signal : {SIGINT, SIGTERM}) ::sigaction(signal, &action, nullptr);
}

void stop_if_interrupted() {
  if (interrupted != 0) stop("interrupted");
}

double cpu_seconds() { return seconds_of(CLOCK_PROCESS_CPUTIME_ID); }

double cpu_of(const std::function<void()>& work) {
  const double before = cpu_seconds();
  work();
  return cpu_seconds() - before;
}

double wall_seconds() { return seconds_of(CLOCK_MONOTONIC); }

void sleep_until(double wall) {
  timespec until{};
  until.tv_sec = static_cast<time_t>(wall);
  until.tv_nsec = static_cast<long>((wall - std::floor(wall)) * 1e9);
  while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
    stop_if_interrupted();
  }
}

double anonymous_mib(pid_t process) {
  std::ifstream status("/proc/" + std::to_string(process) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssAnon:")) return std::strtod(line.c_str() + 8, nullptr) / 1024;
  }
  stop("process " + std::to_string(process) + " has no RssAnon");
}

double quantile(std::vector<double> values, double part) {
  const auto at = static_cast<std::ptrdiff_t>(part * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + at, values.end());
  return values.at(static_cast<std::size_t>(at));
}

Child::Child(const std::function<Numbers()>& work) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) stop("cannot make a pipe");
  std::fflush(nullptr);
  process_ = ::fork();
  if (process_ == 0) {
    // What it inherits would be used again and not counted as its own.
    ::malloc_trim(0);
    Numbers numbers;
    try {
      numbers = work();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "watch_benchmark: %s\n", error.what());
      ::_exit(1);
    }
    const std::size_t size = numbers.size() * sizeof(double);
    const bool sent = ::write(ends[1], numbers.data(), size) == static_cast<ssize_t>(size);
    ::_exit(sent ? 0 : 1);
  }
  ::close(ends[1]);
  from_child_ = ends[0];
}

Child::Numbers Child::wait() const {
  Numbers numbers;
  double number = 0;
  while (::read(from_child_, &number, sizeof number) == sizeof number) numbers.push_back(number);
  ::close(from_child_);
  int status = 0;
  if (::waitpid(process_, &status, 0) != process_ || status != 0) stop("a part of it failed");
  return numbers;
}

}  // namespace cgwarden::benchmarks
