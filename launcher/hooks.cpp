#include "launcher/hooks.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>

#include "base/file.h"
#include "base/program.h"
#include "base/text.h"
#include "launcher/helper_process.h"

namespace cgwarden::launcher {
namespace {

// Of stderr: enough for the last line of any message.
constexpr std::size_t kKeptBytes = 4096;
// Between two looks at a hook that cannot be waited for otherwise.
constexpr int kGlanceMsec = 10;

struct HookProcess {
  pid_t pid = -1;
  UniqueFd pidfd;
  UniqueFd errors;   // its stderr
  UniqueFd failure;  // errno of execve(2), or end of file
};

// A file and not a pipe: a hook that does not read it cannot stop the launch, and one that ends
// early raises no SIGPIPE.
StepResult<UniqueFd> state_file(const std::string& stage, const std::string& state_json) {
  auto file = memory_file(state_json);
  if (!file) return failed(stage, "the state for the hooks cannot be written");
  return std::move(*file);
}

struct ChildFiles {
  int input;
  int output;
  int errors;
  int failure;
};

[[noreturn]] void become_hook(const Hook& hook, char* const* argv, char* const* envp,
                              const ChildFiles& files) {
  ::setpgid(0, 0);
  struct sigaction action{};
  action.sa_handler = SIG_DFL;
  for (int number = 1; number <= SIGRTMAX; ++number) ::sigaction(number, &action, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::dup2(files.input, 0);
  ::dup2(files.output, 1);
  ::dup2(files.errors, 2);
  // It can only fail where a profile refuses it to a startContainer hook (no kernel that makes our
  // mounts is without it): what is open and not close-on-exec there was passed to the container
  // (isolate() has marked the rest), and the hook is one of its programs.
  (void)::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  ::execve(hook.path.c_str(), argv, envp);
  const int errno_value = errno;
  [[maybe_unused]] const ssize_t written =
      ::write(files.failure, &errno_value, sizeof(errno_value));
  ::_exit(127);
}

// Above 2, so that placing stdio cannot overwrite one of the others.
UniqueFd high(int fd) {
  UniqueFd low(fd);
  return UniqueFd(::fcntl(low.get(), F_DUPFD_CLOEXEC, 3));
}

// What callers of the field expect of a hook without "env": the specification leaves it open.
std::vector<char*> environment(const Hook& hook, const std::vector<std::string>* inherited) {
  if (!hook.env.empty() || hook.empty_env) return pointers(hook.env);
  if (inherited != nullptr) return pointers(*inherited);
  std::vector<char*> result;
  for (char** entry = environ; *entry != nullptr; ++entry) result.push_back(*entry);
  result.push_back(nullptr);
  return result;
}

StepResult<HookProcess> start(const Hook& hook, const std::string& stage,
                              const std::string& state_json,
                              const std::vector<std::string>* inherited) {
  CGW_ASSIGN(UniqueFd file, state_file(stage, state_json));
  const UniqueFd state = high(file.release());
  const UniqueFd null = high(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return failed(stage, "no pipe to a hook");
  HookProcess process;
  process.errors.reset(ends[0]);
  const UniqueFd errors = high(ends[1]);
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return failed(stage, "no pipe to a hook");
  process.failure.reset(ends[0]);
  const UniqueFd failure = high(ends[1]);
  if (!state.valid() || !errors.valid() || !failure.valid()) {
    return failed(stage, "no descriptors for a hook");
  }
  const std::vector<std::string> words =
      hook.args.empty() ? std::vector<std::string>{hook.path} : hook.args;
  const auto argv = pointers(words);
  const auto envp = environment(hook, inherited);
  const ChildFiles files{.input = state.get(),
                         .output = null.valid() ? null.get() : errors.get(),
                         .errors = errors.get(),
                         .failure = failure.get()};
  process.pid = ::fork();
  if (process.pid == 0) become_hook(hook, argv.data(), envp.data(), files);
  if (process.pid < 0) return failed(stage, hook.path + " cannot be forked");
  process.pidfd.reset(static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0)));
  ::fcntl(process.errors.get(), F_SETFL, O_NONBLOCK);
  return process;
}

// Keeps the end of what is there to read; never waits.
void read_errors(int fd, std::string& kept) {
  std::array<char, 1024> buffer{};
  for (;;) {
    const ssize_t count = ::read(fd, buffer.data(), buffer.size());
    if (count <= 0) return;
    kept.append(buffer.data(), static_cast<std::size_t>(count));
    if (kept.size() > kKeptBytes) kept.erase(0, kept.size() - kKeptBytes);
  }
}

std::string last_line(const std::string& text) {
  const std::string_view trimmed = trim(text);
  if (trimmed.empty()) return {};
  return ": " + printable(trim(trimmed.substr(trimmed.rfind('\n') + 1)));
}

// "signal 31 (bad system call)": what a filter does to a hook.
std::string signal_text(int number) {
  std::string text = "signal " + std::to_string(number);
  const char* description = ::sigdescr_np(number);
  if (description == nullptr) return text;
  std::string words(description);
  words.front() = static_cast<char>(std::tolower(static_cast<unsigned char>(words.front())));
  return text + " (" + words + ")";
}

bool has_ended(pid_t pid) {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
         info.si_pid != 0;
}

// True when the hook has ended within its time.
bool wait_for_hook(const HookProcess& process, const UniqueFd& timer, std::string& errors) {
  bool errors_open = true;
  // A startContainer hook is waited for under the profile, which may know neither pidfd_open(2) nor
  // poll(2).
  bool can_watch = process.pidfd.valid();
  for (;;) {
    std::array<pollfd, 3> watched{{{process.pidfd.get(), POLLIN, 0},
                                   {timer.get(), POLLIN, 0},
                                   {errors_open ? process.errors.get() : -1, POLLIN, 0}}};
    const int ready = ::poll(watched.data(), watched.size(), can_watch ? -1 : kGlanceMsec);
    if (ready < 0 && errno != EINTR) {
      can_watch = false;
      ::usleep(kGlanceMsec * 1000);
    }
    if (watched[2].revents != 0) {
      read_errors(process.errors.get(), errors);
      errors_open = (watched[2].revents & POLLHUP) == 0;
    }
    if (watched[0].revents != 0 || (!can_watch && has_ended(process.pid))) return true;
    if (watched[1].revents != 0) return false;
  }
}

StepResult<UniqueFd> start_timer(const Hook& hook, const std::string& stage) {
  UniqueFd timer;
  if (!hook.timeout_sec) return timer;
  timer.reset(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
  itimerspec when{};
  when.it_value.tv_sec = *hook.timeout_sec;
  if (!timer.valid() || ::timerfd_settime(timer.get(), 0, &when, nullptr) != 0) {
    return failed(stage, "no timer for a hook");
  }
  return timer;
}

Step run_named(const Hook& hook, const std::string& name, const std::string& stage,
               const std::string& state_json, const std::vector<std::string>* inherited) {
  if (!hook.path.starts_with('/')) return refused(stage, name + " is not an absolute path");
  if (hook.timeout_sec == 0U) return refused(stage, name + " has a timeout of 0 seconds");
  CGW_ASSIGN(const UniqueFd timer, start_timer(hook, stage));
  CGW_ASSIGN(const HookProcess process, start(hook, stage, state_json, inherited));
  std::string errors;
  const bool in_time = wait_for_hook(process, timer, errors);
  if (!in_time) {
    ::kill(-process.pid, SIGKILL);
    ::syscall(SYS_pidfd_send_signal, process.pidfd.get(), SIGKILL, nullptr, 0);
  }
  const WaitStatus status = wait_for_exit(process.pid);
  read_errors(process.errors.get(), errors);
  int exec_errno = 0;
  if (::read(process.failure.get(), &exec_errno, sizeof(exec_errno)) == sizeof(exec_errno)) {
    errno = exec_errno;
    return failed(stage, name + " cannot be executed");
  }
  if (!in_time) {
    return refused(stage, name + " was killed after its timeout of " +
                              std::to_string(*hook.timeout_sec) + " s" + last_line(errors));
  }
  if (status.code != CLD_EXITED) {
    return refused(stage,
                   name + " was killed by " + signal_text(status.status) + last_line(errors));
  }
  if (status.status != 0) {
    return refused(
        stage, name + " ended with exit code " + std::to_string(status.status) + last_line(errors));
  }
  return {};
}

}  // namespace

Step run_hook(const std::vector<Hook>& hooks, std::size_t number, const std::string& stage,
              const std::string& state_json, const std::vector<std::string>* inherited) {
  const Hook& hook = hooks[number];
  // The words of runc, by which engines and people know it.
  const std::string name =
      "error running " + stage + " hook #" + std::to_string(number) + ": " + printable(hook.path);
  return run_named(hook, name, stage, state_json, inherited);
}

Step run_hooks(const std::vector<Hook>& hooks, const std::string& stage,
               const std::string& state_json, const std::vector<std::string>* inherited) {
  for (std::size_t number = 0; number < hooks.size(); ++number) {
    CGW_TRY(run_hook(hooks, number, stage, state_json, inherited));
  }
  return {};
}

}  // namespace cgwarden::launcher
