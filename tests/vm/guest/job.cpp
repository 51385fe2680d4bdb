#include "job.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace cgwarden::vm {
namespace {

struct Pipe {
  Fd read;
  Fd write;
};

bool make_pipe(Pipe& pipe) {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) {
    return false;
  }
  pipe = Pipe{.read = Fd(fds[0]), .write = Fd(fds[1])};
  return true;
}

void set_nonblocking(const Fd& fd) {
  if (fd.valid()) {
    ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
  }
}

// What the child puts on its descriptors 0, 1 and 2.
struct Stdio {
  Fd input;
  Fd output;
  Fd error;
};

bool open_pty(const JobSpec& spec, Job& job, Stdio& child) {
  int master = -1;
  int slave = -1;
  winsize size{.ws_row = spec.rows, .ws_col = spec.columns, .ws_xpixel = 0, .ws_ypixel = 0};
  if (::openpty(&master, &slave, nullptr, nullptr, &size) != 0) {
    return false;
  }
  job.output = Fd(master);
  job.input = Fd(::fcntl(master, F_DUPFD_CLOEXEC, 3));
  child.input = Fd(slave);
  ::fcntl(master, F_SETFD, FD_CLOEXEC);
  ::fcntl(slave, F_SETFD, FD_CLOEXEC);
  child.output = Fd(::fcntl(slave, F_DUPFD_CLOEXEC, 3));
  child.error = Fd(::fcntl(slave, F_DUPFD_CLOEXEC, 3));
  return job.input.valid() && child.output.valid() && child.error.valid();
}

bool open_pipes(const JobSpec& spec, Job& job, Stdio& child) {
  Pipe output;
  Pipe error;
  if (!make_pipe(output) || !make_pipe(error)) {
    return false;
  }
  if (spec.stdin_pipe) {
    Pipe input;
    if (!make_pipe(input)) {
      return false;
    }
    child.input = std::move(input.read);
    job.input = std::move(input.write);
  } else {
    child.input = Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  }
  job.output = std::move(output.read);
  job.error = std::move(error.read);
  child.output = std::move(output.write);
  child.error = std::move(error.write);
  return child.input.valid();
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> result;
  result.reserve(strings.size() + 1);
  for (const std::string& text : strings) {
    result.push_back(const_cast<char*>(text.c_str()));  // execvpe does not write to them
  }
  result.push_back(nullptr);
  return result;
}

// The agent ignores SIGPIPE and is protected from the OOM killer; a command starts with neither.
void restore_defaults() {
  for (int signal = 1; signal < NSIG; ++signal) {
    ::signal(signal, SIG_DFL);
  }
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const Fd adjust(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
  if (adjust.valid()) {
    [[maybe_unused]] const ssize_t written = ::write(adjust.get(), "0", 1);
  }
}

[[noreturn]] void run_child(const JobSpec& spec, const Stdio& stdio, const Fd& failure_pipe,
                            char* const* argv, char* const* environment) {
  restore_defaults();
  ::setsid();
  if (spec.pty) {
    ::ioctl(stdio.input.get(), TIOCSCTTY, 0);
  }
  bool ready = ::dup2(stdio.input.get(), 0) >= 0 && ::dup2(stdio.output.get(), 1) >= 0 &&
               ::dup2(stdio.error.get(), 2) >= 0;
  if (ready && !spec.working_directory.empty()) {
    ready = ::chdir(spec.working_directory.c_str()) == 0;
  }
  if (ready) {
    ::execvpe(argv[0], argv, environment);
  }
  const int error = errno;
  [[maybe_unused]] const ssize_t written = ::write(failure_pipe.get(), &error, sizeof error);
  ::_exit(127);
}

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = other.release();
  }
  return *this;
}

int Fd::release() { return std::exchange(fd_, -1); }

void Fd::reset() {
  if (fd_ >= 0) {
    ::close(std::exchange(fd_, -1));
  }
}

std::optional<Job> start_job(std::uint32_t id, const JobSpec& spec, StartFailure& failure) {
  Job job;
  job.id = id;
  Stdio child;
  Pipe exec_result;
  const bool ready = !spec.argv.empty() && make_pipe(exec_result) &&
                     (spec.pty ? open_pty(spec, job, child) : open_pipes(spec, job, child));
  if (!ready) {
    failure = {.error = spec.argv.empty() ? EINVAL : errno, .text = "cannot set up stdio"};
    return std::nullopt;
  }
  std::vector<char*> const argv = pointers(spec.argv);
  std::vector<char*> const environment = pointers(spec.environment);
  // execvpe searches the PATH of the caller, so the agent takes that of the command.
  for (const std::string& entry : spec.environment) {
    if (entry.starts_with("PATH=")) {
      ::setenv("PATH", entry.c_str() + std::strlen("PATH="), 1);
    }
  }

  job.pid = ::fork();
  if (job.pid == 0) {
    run_child(spec, child, exec_result.write, argv.data(), environment.data());
  }
  if (job.pid < 0) {
    failure = {.error = errno, .text = "cannot fork"};
    return std::nullopt;
  }
  exec_result.write.reset();
  int exec_errno = 0;
  if (::read(exec_result.read.get(), &exec_errno, sizeof exec_errno) == sizeof exec_errno) {
    ::waitpid(job.pid, nullptr, 0);
    failure = {.error = exec_errno, .text = "cannot run " + spec.argv[0]};
    return std::nullopt;
  }
  job.pidfd = Fd(static_cast<int>(::syscall(SYS_pidfd_open, job.pid, 0)));
  set_nonblocking(job.input);
  set_nonblocking(job.output);
  set_nonblocking(job.error);
  return job;
}

void resize_pty(const Job& job, std::uint16_t rows, std::uint16_t columns) {
  const winsize size{.ws_row = rows, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
  ::ioctl(job.output.get(), TIOCSWINSZ, &size);
}

}  // namespace cgwarden::vm
