#pragma once

#include <unistd.h>

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace cgwarden::benchmarks {

// Ends the program with a sentence, after what was made is removed (std::runtime_error).
[[noreturn]] void stop(const std::string& sentence);

// SIGINT and SIGTERM make the next stop_if_interrupted() stop().
void heed_signals();
void stop_if_interrupted();

// Processor time of this process so far.
[[nodiscard]] double cpu_seconds();
[[nodiscard]] double cpu_of(const std::function<void()>& work);

// CLOCK_MONOTONIC.
[[nodiscard]] double wall_seconds();
void sleep_until(double wall);  // stops if interrupted

// RssAnon of /proc/PID/status: memory of the process alone, without files it has mapped. What the
// kernel keeps for it (4 KiB for each kept file of kernfs) is in no process's resident set.
[[nodiscard]] double anonymous_mib(pid_t process);

// Of a list that is not empty; `part` 0..1.
[[nodiscard]] double quantile(std::vector<double> values, double part);
[[nodiscard]] inline double median(std::vector<double> values) {
  return quantile(std::move(values), 0.5);
}

// Runs `work` in a process of its own, which sends numbers back; the program stops when it fails.
class Child {
 public:
  using Numbers = std::vector<double>;
  explicit Child(const std::function<Numbers()>& work);
  [[nodiscard]] Numbers wait() const;

 private:
  pid_t process_ = -1;
  int from_child_ = -1;
};

}  // namespace cgwarden::benchmarks
