#include "launcher/spawn.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "launcher/clone_child.h"
#include "launcher/idmap.h"
#include "launcher/init.h"
#include "launcher/isolate.h"
#include "launcher/launch_report.h"
#include "launcher/namespaces.h"
#include "launcher/net_devices.h"
#include "launcher/network_ahead.h"
#include "launcher/parents_word.h"
#include "launcher/rlimits.h"

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

bool waits_for_parent(const SpawnRequest& request) {
  return makes_namespace(*request.spec, NamespaceType::user) || request.prepare != nullptr ||
         request.network != nullptr || !request.spec->net_devices.empty();
}

// With nothing to see or to do before its mounts for anybody but itself.
bool mounts_meanwhile(const SpawnRequest& request) {
  const Spec& spec = *request.spec;
  return request.mounts_meanwhile && spec.net_devices.empty() &&
         !makes_namespace(spec, NamespaceType::user) &&
         !joins_namespace(spec, NamespaceType::mount);
}

[[noreturn]] void run_child(const SpawnRequest& request, LaunchPlan& plan, const Channels& channels,
                            const JoinedNamespaces* joined) {
  // While the child holds it too, it never sees that the parent is gone.
  ::close(channels.parent_report.get());
  for (const int fd : request.callers_fds) {
    if (fd >= 0) ::close(fd);
  }
  // It stands there already, and ".." of it leads out of the container.
  if (request.cgroup_fd >= 0) ::close(request.cgroup_fd);
  const int report = channels.child_report.get();
  ParentsWord word(report, waits_for_parent(request));
  const ChildContext context{
      .request = &request, .plan = &plan, .report = report, .word = &word, .joined = joined};
  Step done = place_stdio(request);
  if (!done || !mounts_meanwhile(request)) word.wait();
  if (done) done = isolate(context);
  // Not before: with the parent's word unread the socket would lose the report (ECONNRESET).
  word.wait();
  if (!done) give_up(report, done.error());
  if (!request.spec->init) run_command(context);
  const pid_t main = plain_fork();
  if (main == 0) run_command(context);
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

StepResult<Spawned> make_child(const SpawnRequest& request, LaunchPlan& plan,
                               const Channels& channels) {
  std::uint64_t flags = clone_flags(*request.spec);
  if (request.network != nullptr) flags &= ~clone_flag(NamespaceType::network);
  CGW_ASSIGN(const pid_t pid, clone_child(*request.spec, flags, request.cgroup_fd,
                                          [&](const JoinedNamespaces* joined) {
                                            run_child(request, plan, channels, joined);
                                          }));
  Spawned spawned;
  spawned.pid = pid;
  // Not reaped yet, so the pid is still this child's.
  spawned.pidfd.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!spawned.pidfd.valid()) {
    auto error = failed("clone", "pidfd_open");
    ::kill(pid, SIGKILL);
    return error;
  }
  return spawned;
}

// Of a send_go() that failed.
bool child_is_gone(int errno_value) { return errno_value == EPIPE || errno_value == ECONNRESET; }

// The word that a child still waits for, and the parent for the child: one of them has to end it.
// errno(3) says why it was not sent.
Step unsent(const std::string& state) {
  if (errno == EMSGSIZE) {
    return refused("state", "the annotations are too long for hooks to get (" +
                                std::to_string(state.size()) + " bytes)");
  }
  return failed("clone", "the child that waits cannot be told to go on");
}

// What the parent does for a child that waits in its namespaces.
Step prepare_child(const SpawnRequest& request, const Spawned& spawned, int report) {
  if (!waits_for_parent(request)) return {};
  const Spec& spec = *request.spec;
  if (makes_namespace(spec, NamespaceType::user)) {
    // Root of a user namespace may not lower it.
    CGW_TRY(set_oom_score_adj(spec.process, spawned.pid));
    CGW_TRY(write_id_maps(spec, spawned.pid));
  }
  // Before any hook, which may want to see them (config-linux.md, "Network Devices").
  CGW_TRY(move_net_devices(spec, spawned.pid));
  std::string state;
  if (request.prepare) {
    CGW_ASSIGN(state, request.prepare(spawned.pid));
  }
  const UniqueFd network = request.network == nullptr ? UniqueFd() : request.network->take();
  // A child that is gone has reported why, or its end is found next.
  if (send_go(report, state, network.get()) || child_is_gone(errno)) return {};
  return unsent(state);
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
  CGW_ASSIGN(LaunchPlan plan, plan_launch(request));
  CGW_ASSIGN(Channels channels, open_channels(spec.init));
  const BlockedSignals blocked;
  CGW_ASSIGN(Spawned spawned, make_child(request, plan, channels));
  channels.child_report.reset();
  channels.status_write.reset();
  const int report = channels.parent_report.get();
  if (Step done = prepare_child(request, spawned, report); !done) {
    return abandon(spawned, std::move(done).error());
  }
  const bool gated = request.start_gate >= 0;
  LaunchOutcome outcome =
      receive_outcome(report, {.until_ready = gated, .listener = request.seccomp_listener});
  if (outcome.error) return abandon(spawned, std::move(*outcome.error));
  if (outcome.main_pid < 0) return abandon(spawned, silent_death(spawned));
  spawned.main_pid = spec.init ? outcome.main_pid : spawned.pid;
  spawned.status_fd = std::move(channels.status_read);
  std::string state;
  if (request.ready) {
    auto answer = request.ready(spawned);
    if (!answer) return abandon(spawned, std::move(answer).error());
    state = std::move(*answer);
  }
  if (gated && !send_go(report, state)) {
    LaunchError error = child_is_gone(errno) ? silent_death(spawned) : unsent(state).error();
    return abandon(spawned, std::move(error));
  }
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
