#include "launcher/spawn.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "launcher/idmap.h"
#include "launcher/init.h"
#include "launcher/isolate.h"
#include "launcher/launch_report.h"
#include "launcher/namespaces.h"

namespace cgwarden::launcher {
namespace {

// Channels between parent and child.
struct Channels {
  UniqueFd parent_report;
  UniqueFd child_report;
  UniqueFd status_read;  // only with init
  UniqueFd status_write;
};

StepResult<Channels> open_channels(bool init) {
  Channels channels;
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) != 0) {
    return failed("clone", "no socketpair to the child");
  }
  channels.parent_report.reset(pair[0]);
  channels.child_report.reset(pair[1]);
  const int on = 1;
  if (::setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) != 0) {
    return failed("clone", "SO_PASSCRED");
  }
  if (!init) return channels;
  if (::pipe2(pair.data(), O_CLOEXEC) != 0) return failed("clone", "no pipe to the init");
  channels.status_read.reset(pair[0]);
  channels.status_write.reset(pair[1]);
  return channels;
}

// All signals blocked while alive, so that none meets a half-made child.
class BlockedSignals {
 public:
  BlockedSignals() {
    sigset_t all;
    ::sigfillset(&all);
    ::sigprocmask(SIG_SETMASK, &all, &before_);
  }
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;
  ~BlockedSignals() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

std::string clone_remedy(int errno_value, bool user_namespace) {
  switch (errno_value) {
    case EPERM:
      return user_namespace ? "user namespaces are not permitted here (sysctl "
                              "kernel.unprivileged_userns_clone, user.max_user_namespaces)"
                            : "new namespaces need CAP_SYS_ADMIN; run as root or map a user "
                              "namespace";
    case ENOSPC:
      return "the limit of namespaces is reached (sysctl user.max_*_namespaces)";
    case EAGAIN:
      return "the limit of processes is reached (pids.max of the cgroup, RLIMIT_NPROC)";
    case EBUSY:
      return "the cgroup has controllers in cgroup.subtree_control, so it may not hold processes";
    case ENODEV:
      return "the cgroup has been removed";
    case EACCES:
      return "no permission to place a process in the cgroup";
    default:
      return "clone3";
  }
}

// 125..127 as LaunchError::exit_code; only init looks at it, the parent has the report.
[[noreturn]] void give_up(int report_socket, const LaunchError& error) {
  report_error(report_socket, error);
  ::_exit(error.exit_code());
}

[[noreturn]] void run_command(const SpawnRequest& request, const LaunchPlan& plan, int report) {
  give_up(report, become_command(*request.spec, plan, report));
}

// fork(2) without libc's: its handlers have no business in here.
pid_t plain_fork() {
  clone_args arguments{};
  arguments.exit_signal = SIGCHLD;
  return static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof(arguments)));
}

[[noreturn]] void run_child(const SpawnRequest& request, const LaunchPlan& plan,
                            const Channels& channels) {
  const int report = channels.child_report.get();
  if (request.spec->has_namespace(NamespaceType::user)) {
    char mapped = 0;
    // End of file: the parent could not write the maps and has its own error.
    if (::recv(report, &mapped, 1, 0) != 1) ::_exit(125);
  }
  if (Step done = isolate(request); !done) give_up(report, done.error());
  if (!request.spec->init) run_command(request, plan, report);
  const pid_t main = plain_fork();
  if (main == 0) run_command(request, plan, report);
  if (main < 0) {
    give_up(report, LaunchError{"init", errno, "the command cannot be forked"});
  }
  run_init(main, channels.status_write.get());
}

std::expected<Spawned, LaunchError> abandon(const Spawned& spawned, LaunchError error) {
  if (spawned.pidfd.valid()) {
    ::syscall(SYS_pidfd_send_signal, spawned.pidfd.get(), SIGKILL, nullptr, 0);
    siginfo_t ignored{};
    while (::waitid(P_PID, static_cast<id_t>(spawned.pid), &ignored, WEXITED) != 0 &&
           errno == EINTR) {
    }
  }
  return std::unexpected(std::move(error));
}

// The child ended without a word: killed from outside, for example by the OOM killer of a cgroup
// too small to start in.
LaunchError silent_death(const Spawned& spawned) {
  siginfo_t info{};
  ::waitid(P_PID, static_cast<id_t>(spawned.pid), &info, WEXITED | WNOWAIT);
  std::string text = "the process ended before it could start the command";
  if (info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED) {
    text = "the process was killed by signal " + std::to_string(info.si_status) +
           " before it could start the command";
  }
  return LaunchError{"clone", 0, std::move(text)};
}

StepResult<Spawned> clone_child(const SpawnRequest& request, const LaunchPlan& plan,
                                const Channels& channels) {
  const Spec& spec = *request.spec;
  CGW_ASSIGN(const PidJoin joined, PidJoin::enter(spec));
  int pidfd = -1;
  clone_args arguments{};
  arguments.flags = CLONE_PIDFD | clone_flags(spec);
  arguments.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
  arguments.exit_signal = SIGCHLD;
  if (request.cgroup_fd >= 0) {
    arguments.flags |= CLONE_INTO_CGROUP;
    arguments.cgroup = static_cast<std::uint64_t>(request.cgroup_fd);
  }
  const long pid = ::syscall(SYS_clone3, &arguments, sizeof(arguments));
  if (pid == 0) run_child(request, plan, channels);
  if (pid < 0) {
    return failed("clone", clone_remedy(errno, spec.has_namespace(NamespaceType::user)));
  }
  Spawned spawned;
  spawned.pid = static_cast<pid_t>(pid);
  spawned.pidfd.reset(pidfd);
  return spawned;
}

}  // namespace

std::string LaunchError::sentence() const {
  std::string result = "cannot start: " + stage + ": " + text;
  if (errno_value != 0) result += std::string(": ") + std::strerror(errno_value);
  return result;
}

int LaunchError::exit_code() const {
  if (stage != "exec") return 125;
  return errno_value == ENOENT || errno_value == ENOTDIR ? 127 : 126;
}

std::expected<Spawned, LaunchError> spawn(const SpawnRequest& request) {
  const Spec& spec = *request.spec;
  if (!spec.has_namespace(NamespaceType::mount)) {
    return refused("namespace", "a rootfs needs a mount namespace");
  }
  CGW_ASSIGN(const LaunchPlan plan, plan_launch(spec));
  CGW_ASSIGN(Channels channels, open_channels(spec.init));
  const BlockedSignals blocked;
  CGW_ASSIGN(Spawned spawned, clone_child(request, plan, channels));
  channels.child_report.reset();
  channels.status_write.reset();
  if (spec.has_namespace(NamespaceType::user)) {
    if (Step mapped = write_id_maps(spec, spawned.pid); !mapped) {
      return abandon(spawned, std::move(mapped).error());
    }
    ::send(channels.parent_report.get(), "m", 1, MSG_NOSIGNAL);
  }
  LaunchOutcome outcome = receive_outcome(channels.parent_report.get());
  if (outcome.error) return abandon(spawned, std::move(*outcome.error));
  if (outcome.main_pid < 0) return abandon(spawned, silent_death(spawned));
  spawned.main_pid = spec.init ? outcome.main_pid : spawned.pid;
  spawned.status_fd = std::move(channels.status_read);
  return spawned;
}

std::optional<WaitStatus> read_status(const Spawned& spawned) {
  WaitStatus status;
  ssize_t count = 0;
  do {
    count = ::read(spawned.status_fd.get(), &status, sizeof(status));
  } while (count < 0 && errno == EINTR);
  if (count != static_cast<ssize_t>(sizeof(status))) return std::nullopt;
  return status;
}

}  // namespace cgwarden::launcher
