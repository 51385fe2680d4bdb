#include "agent/shim_process.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/program.h"
#include "launcher/state.h"

namespace cgwarden::agent {
namespace {

constexpr int kSpecFd = 3;
constexpr int kControlFd = 4;
// From here on those of a run in the foreground.
constexpr int kForegroundFd = 5;

// The descriptors of a run in the foreground, and the options that name them.
struct Lent {
  std::vector<int> fds;
  std::vector<std::string> options;
};

Lent lend(const ForegroundFds& foreground) {
  Lent lent;
  for (const auto& [option, fd] : {std::pair{"--stdin-fd", foreground.stdin_fd},
                                   {"--stdout-fd", foreground.stdout_fd},
                                   {"--stderr-fd", foreground.stderr_fd},
                                   {"--console-fd", foreground.console_fd}}) {
    if (fd < 0) continue;
    lent.options.emplace_back(option);
    lent.options.push_back(std::to_string(kForegroundFd + static_cast<int>(lent.fds.size())));
    lent.fds.push_back(fd);
  }
  return lent;
}

}  // namespace

Result<ShimProcess> start_shim(const ShimRequest& request) {
  CGW_ASSIGN(const UniqueFd spec, memory_file(request.config_json));
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) != 0) {
    return fail(Error::from_errno(errno, "create", "socket pair"));
  }
  UniqueFd ours(pair[0]);
  const UniqueFd theirs(pair[1]);
  if (::fcntl(ours.get(), F_SETFL, O_NONBLOCK) != 0) {
    return fail(Error::from_errno(errno, "set up", "socket pair"));
  }

  const Lent lent = lend(request.foreground);
  Program program{
      .path = request.executable,
      .words = {request.executable, "--name", request.name, "--incarnation",
                std::to_string(request.incarnation), "--spec-fd", std::to_string(kSpecFd),
                "--control-fd", std::to_string(kControlFd), "--state-dir", request.state_dir,
                "--cgroup-root", request.cgroup_root, "--log-driver",
                request.log.journal ? "journal" : "file", "--log-max-bytes",
                std::to_string(request.log.max_bytes), "--log-max-files",
                std::to_string(request.log.max_files)},
      .environment = {},
      .descriptors = {Program::kNull, Program::kNull, Program::kNull, spec.get(), theirs.get()},
      .group = Program::Group::own_session};
  program.words.insert(program.words.end(), lent.options.begin(), lent.options.end());
  program.descriptors.insert(program.descriptors.end(), lent.fds.begin(), lent.fds.end());

  ShimProcess shim;
  CGW_ASSIGN(shim.pid, start_program(program));
  shim.pidfd = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, shim.pid, 0)));
  if (!shim.pidfd.valid()) {
    const Error failure = Error::from_errno(errno, "watch", "pid " + std::to_string(shim.pid));
    shim.kill_and_reap();
    return fail(failure);
  }
  shim.control = std::move(ours);
  return shim;
}

void ShimProcess::kill_and_reap() {
  control.reset();
  ::kill(pid, SIGKILL);
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Result<UniqueFd> open_process(pid_t pid, std::optional<std::uint64_t> start_time) {
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd.valid()) return fail(Error::from_errno(errno, "watch", "pid " + std::to_string(pid)));
  if (!start_time) return pidfd;
  // After the pidfd: were it another process's, that one would be younger than the record.
  CGW_ASSIGN(const std::uint64_t now, launcher::process_start_time(pid));
  if (now != *start_time) {
    return fail(Error{ErrorKind::vanished, ESRCH, "watch", "pid " + std::to_string(pid),
                      "it is another process by now"});
  }
  return pidfd;
}

Result<std::string> find_shim() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return fail(Error::from_errno(error.value(), "read", "/proc/self/exe"));
  const auto here = self.parent_path();
  for (const auto& candidate : {here / "cgwarden-shim", here / "../launcher/cgwarden-shim",
                                here / "../libexec/cgwarden/cgwarden-shim"}) {
    if (std::filesystem::is_regular_file(candidate, error)) {
      return std::filesystem::canonical(candidate, error).string();
    }
  }
  return fail(
      Error::from_errno(ENOENT, "find", "cgwarden-shim",
                        "it belongs beside cgwarden or in libexec/cgwarden; name it with --shim"));
}

}  // namespace cgwarden::agent
