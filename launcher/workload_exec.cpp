#include "launcher/workload_exec.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <ctime>
#include <utility>

#include "base/file.h"
#include "base/limits.h"
#include "base/text.h"
#include "cgroup/control_file.h"
#include "cgroup/tree.h"
#include "launcher/clone_child.h"
#include "launcher/namespaces_of.h"
#include "launcher/oci/command_line.h"
#include "launcher/oci/exec_process.h"
#include "launcher/oci/foreground.h"
#include "launcher/spawn.h"

namespace cgwarden::launcher {
namespace {

using oci::Outcome;
using oci::refuse;
using Words = std::vector<std::string>;

// timeout(1).
constexpr int kTimedOut = 124;

struct ExecOptions {
  oci::ProcessOptions process;
  std::string state_dir;
  std::string cgroup_root;
  unsigned timeout_msec = 0;
  bool interactive = false;
  bool detach = false;
};

std::vector<oci::Option> table(ExecOptions& options) {
  using oci::into;
  return {
      {"state-dir", 0, "DIR", "directory of the workload", into(options.state_dir)},
      {"cgroup-root", 0, "DIR", "the cgroup v2 mount", into(options.cgroup_root)},
      {"timeout-msec", 0, "N", "kill it after that", into(options.timeout_msec)},
      {"interactive", 'i', nullptr, "with this standard input", into(options.interactive)},
      {"tty", 't', nullptr, "with a terminal", into(options.process.tty)},
      {"detach", 'd', nullptr, "do not wait for it", into(options.detach)},
      {"user", 'u', "UID[:GID]", "as this user", into(options.process.user)},
      {"cwd", 0, "DIR", "working directory", into(options.process.cwd)},
      {"env", 'e', "KEY=VALUE", "one more environment variable", into(options.process.env)},
      {"cap", 0, "CAP_NAME", "one more capability", into(options.process.capabilities)},
  };
}

Outcome<void> refuse_frozen(const cgroup::Tree& tree, const RunningStatus& status) {
  const auto frozen = tree.read(status.cgroup, "cgroup.freeze");
  if (!frozen || trim(*frozen) != "1") return {};
  return refuse(status.name + " is paused; cgwarden resume " + status.name + " first");
}

class Execution {
 public:
  explicit Execution(const ExecOptions& options) : options_(options) {}
  Outcome<void> look_up(const Words& command);
  Outcome<int> run();

 private:
  Outcome<Spawned> launch(int console);
  Outcome<int> run_limited();

  const ExecOptions& options_;
  RunningStatus status_;
  std::optional<cgroup::Tree> tree_;
  OpenNamespaces namespaces_;
  UniqueFd nothing_;  // /dev/null
  Spec spec_;
};

Outcome<void> Execution::look_up(const Words& command) {
  CGW_ASSIGN(status_, read_living_status(options_.state_dir));
  CGW_ASSIGN(tree_, cgroup::Tree::open(options_.cgroup_root));
  CGW_TRY(refuse_frozen(*tree_, status_));
  // The built-in init shows its files to nobody but root; the command is in the same namespaces.
  CGW_ASSIGN(namespaces_, open_namespaces(::geteuid() == 0 ? status_.pid : status_.main_pid));
  // The pid was still the workload's when its files were opened.
  CGW_ASSIGN(status_, read_living_status(options_.state_dir));
  const std::string config = options_.state_dir + "/config.json";
  CGW_ASSIGN(const std::string text, read_file(config, limits::kStateFileBytes));
  CGW_ASSIGN(spec_, parse_config(text, config));
  CGW_TRY(oci::use_process(spec_, options_.process, command));
  spec_.namespaces = namespaces_.entries;
  if (!options_.interactive && !options_.process.tty) {
    CGW_ASSIGN(nothing_, open_at(AT_FDCWD, "/dev/null", O_RDWR));
  }
  return {};
}

Outcome<Spawned> Execution::launch(int console) {
  const bool born_there = is_born_in_its_cgroup(spec_);
  UniqueFd cgroup_fd;
  if (born_there) {
    CGW_ASSIGN(cgroup_fd, tree_->open_cgroup(status_.cgroup));
  }
  SpawnRequest request;
  request.spec = &spec_;
  request.cgroup_fd = cgroup_fd.get();
  request.console_socket = console;
  request.relayed_terminal = ::isatty(STDOUT_FILENO) == 0;
  if (nothing_.valid()) request.stdin_fd = nothing_.get();
  if (options_.detach) request.stdout_fd = request.stderr_fd = nothing_.get();
  request.prepare = [&](pid_t child) -> StepResult<std::string> {
    if (born_there) return std::string();
    if (const Status moved = cgroup::move_process(*tree_, status_.cgroup, child); !moved) {
      return std::unexpected(LaunchError{"cgroup", 0, moved.error().sentence()});
    }
    return std::string();
  };
  auto spawned = spawn(request);
  if (!spawned) return refuse(spawned.error().sentence(), spawned.error().exit_code());
  return std::move(*spawned);
}

// Its own session (isolate.cpp), so that one signal reaches what it has started too.
Outcome<int> Execution::run_limited() {
  CGW_ASSIGN(const Spawned spawned, launch(-1));
  timespec start{};
  ::clock_gettime(CLOCK_BOOTTIME, &start);
  bool timed_out = false;
  for (;;) {
    timespec now{};
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    const std::int64_t passed =
        (now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000;
    const std::int64_t left = static_cast<std::int64_t>(options_.timeout_msec) - passed;
    timed_out = left <= 0;
    if (timed_out) break;
    pollfd end{spawned.pidfd.get(), POLLIN, 0};
    if (::poll(&end, 1, static_cast<int>(left)) > 0) break;
  }
  if (timed_out) {
    ::kill(-spawned.pid, SIGKILL);
    ::syscall(SYS_pidfd_send_signal, spawned.pidfd.get(), SIGKILL, nullptr, 0);
  }
  siginfo_t info{};
  while (::waitid(P_PIDFD, static_cast<id_t>(spawned.pidfd.get()), &info, WEXITED) != 0 &&
         errno == EINTR) {
  }
  if (timed_out) return kTimedOut;
  return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

Outcome<int> Execution::run() {
  if (options_.detach) {
    CGW_ASSIGN(const Spawned spawned, launch(-1));
    return 0;
  }
  if (options_.timeout_msec > 0) return run_limited();
  return oci::run_in_foreground(spec_.process.terminal,
                                [this](int console) { return launch(console); });
}

}  // namespace

Outcome<RunningStatus> read_living_status(const std::string& state_dir) {
  const std::string path = state_dir + "/status.json";
  CGW_ASSIGN(const std::string text, read_file(path, limits::kStateFileBytes));
  CGW_ASSIGN(RunningStatus status, parse_running_status(text, path));
  const auto born = process_start_time(status.pid);
  if (!born || (status.pid_start_time && *born != *status.pid_start_time)) {
    return refuse(status.name + " is not running");
  }
  return status;
}

Outcome<int> exec_in_workload(const Words& words) {
  ExecOptions options;
  CGW_ASSIGN(const Words command, oci::parse_options("exec", words, table(options), true));
  if (options.state_dir.empty() || options.cgroup_root.empty() || command.empty()) {
    return refuse("exec needs --state-dir, --cgroup-root and a command", oci::kUsage);
  }
  if (options.detach && (options.interactive || options.process.tty || options.timeout_msec > 0)) {
    return refuse("exec --detach has no input, terminal or timeout", oci::kUsage);
  }
  Execution execution(options);
  // 125: what the command itself gives is told apart (env(1)).
  if (auto found = execution.look_up(command); !found) return refuse(found.error().text, 125);
  auto done = execution.run();
  if (!done && done.error().exit_code == 1) return refuse(done.error().text, 125);
  return done;
}

}  // namespace cgwarden::launcher
