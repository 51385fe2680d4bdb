#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cgwarden::vm {

// A file descriptor which is closed with its owner; -1 is none.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept;
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool valid() const { return fd_ >= 0; }
  int release();
  void reset();

 private:
  int fd_ = -1;
};

struct JobSpec {
  bool pty = false;
  bool stdin_pipe = false;
  std::uint16_t rows = 0;
  std::uint16_t columns = 0;
  std::string working_directory;
  std::vector<std::string> argv;
  std::vector<std::string> environment;  // NAME=VALUE
};

// How a process ended: exactly one of the two is meaningful, as in wait(2).
struct ExitStatus {
  int code = 0;
  int signal = 0;
};

// One command of the host: a process in its own session, with its pipes or its pty.
struct Job {
  std::uint32_t id = 0;
  pid_t pid = -1;
  Fd pidfd;
  Fd input;   // pipe or pty, non-blocking; none once closed
  Fd output;  // stdout pipe or pty, non-blocking
  Fd error;   // stderr pipe, non-blocking; none with a pty
  std::string pending_input;
  bool input_closing = false;
  bool exited = false;

  [[nodiscard]] bool finished() const { return exited && !output.valid() && !error.valid(); }
};

struct StartFailure {
  int error;
  std::string text;
};

// Starts the command; on failure nothing is left running and `failure` says which step failed.
std::optional<Job> start_job(std::uint32_t id, const JobSpec& spec, StartFailure& failure);

// Sets the window size of the job's pty.
void resize_pty(const Job& job, std::uint16_t rows, std::uint16_t columns);

}  // namespace cgwarden::vm
