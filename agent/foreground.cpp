#include "agent/foreground.h"

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "agent/enforcer.h"
#include "agent/event_loop.h"
#include "agent/incident.h"
#include "agent/ownership.h"
#include "agent/policy_source.h"
#include "agent/scope_host.h"
#include "agent/supervisor.h"
#include "agent/upper_directories.h"
#include "agent/user_scope.h"
#include "agent/workload_files.h"
#include "base/file.h"
#include "base/log.h"
#include "cgroup/mount.h"
#include "diagnosis/diagnose.h"
#include "launcher/console.h"
#include "launcher/terminal.h"

namespace cgwarden::agent {
namespace {

// The first two may be lost on a busy command; whoever asks a third time means it.
constexpr int kAsksBeforeKill = 3;

bool asks_to_end(int number) {
  return number == SIGTERM || number == SIGINT || number == SIGHUP || number == SIGQUIT;
}

int exit_code_of(const launcher::ExitRecord& record) {
  if (record.launch_error) return record.launch_error->exit_code();
  const auto& wait = record.wait ? record.wait : record.init_wait;
  if (!wait) return 125;
  return wait->code == CLD_EXITED ? wait->status : 128 + wait->status;
}

class Foreground final : private SupervisorListener {
 public:
  explicit Foreground(const ForegroundRequest& request) : request_(request) {}

  Status open(Options options);
  Result<ForegroundEnd> run();

 private:
  Status open_tree();
  Status open_signals();
  Status open_stdio();
  [[nodiscard]] Status look_for_others() const;
  void signals_received();
  void take_signal(int number);
  void ended();
  void relay(int process);

  void workload_known(const std::string& /*name*/) override {}
  void workload_started(const std::string& name) override;
  diagnosis::Verdict workload_died(const launcher::ExitRecord& record,
                                   std::vector<diagnosis::OwnAction> own_actions,
                                   std::vector<std::string> lost) override;
  bool death_is_known(const launcher::ExitRecord& /*record*/) override { return false; }
  void workload_forgotten(const std::string& /*name*/) override {}
  void workload_restarting(const std::string& /*name*/, const std::string& /*reason*/) override {}
  void oom_kills_counted(const std::string& /*name*/, const std::string& /*payload*/,
                         const cgroup::MemoryEvents& /*events*/) override {}

  const ForegroundRequest& request_;
  Options options_;
  SystemClock clock_;
  std::string name_;
  std::optional<cgroup::Tree> tree_;
  std::unique_ptr<EventLoop> loop_;
  exporters::SelfMetrics metrics_;
  std::optional<Enforcer> enforcer_;
  std::unique_ptr<ScopeHost> scopes_;
  ForegroundFds fds_;
  UniqueFd console_;  // our end
  UniqueFd console_of_command_;
  bool relayed_ = false;  // the terminal of the present incarnation
  std::unique_ptr<Supervisor> supervisor_;
  UniqueFd signals_;
  EventLoop::Watch signal_watch_;
  int asked_to_end_ = 0;
  ForegroundEnd end_;
};

Status Foreground::open_tree() {
  std::string root = options_.cgroup_root;
  if (root.empty()) {
    CGW_ASSIGN(const cgroup::MountReport mounts, cgroup::detect_mounts());
    if (mounts.cgroup2_mount_point.empty() || !mounts.usable()) {
      return fail(Error{ErrorKind::not_supported, 0, "use the cgroups of this machine", "",
                        mounts.explanation});
    }
    root = mounts.cgroup2_mount_point;
  }
  CGW_ASSIGN(tree_, cgroup::Tree::open(root));
  return {};
}

// All of them: those that are not for us are for the command.
Status Foreground::open_signals() {
  sigset_t all;
  ::sigfillset(&all);
  if (::sigprocmask(SIG_BLOCK, &all, nullptr) != 0) {
    return fail(Error::from_errno(errno, "block", "signals"));
  }
  signals_ = UniqueFd(::signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_.valid()) return fail(Error::from_errno(errno, "create", "signalfd"));
  CGW_ASSIGN(signal_watch_,
             loop_->add(signals_.get(), EPOLLIN, [this](std::uint32_t) { signals_received(); }));
  return {};
}

Status Foreground::open_stdio() {
  if (!request_.terminal) {
    fds_.stdin_fd = request_.interactive ? STDIN_FILENO : -1;
    fds_.stdout_fd = STDOUT_FILENO;
    fds_.stderr_fd = STDERR_FILENO;
    return {};
  }
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return fail(Error::from_errno(errno, "make", "a socket for the terminal"));
  }
  console_.reset(ends[0]);
  console_of_command_.reset(ends[1]);
  fds_.console_fd = ends[1];
  return {};
}

Status Foreground::open(Options options) {
  options_ = std::move(options);
  CGW_ASSIGN(const policy::Workload workload, parse_workload(request_.yaml, request_.origin));
  name_ = workload.name;
  if (options_.shim.empty()) {
    CGW_ASSIGN(options_.shim, find_shim());
  }
  CGW_TRY(open_tree());
  CGW_ASSIGN(loop_, EventLoop::create());
  CGW_TRY(open_signals());
  CGW_TRY(open_stdio());
  const bool by_systemd = request_.cgroup_parent.empty() && systemd_is_running();
  // What belongs to whom below a user's own systemd is the kernel's to say.
  enforcer_.emplace(*tree_, metrics_, by_systemd && ::geteuid() == 0);
  if (by_systemd) {
    CGW_ASSIGN(scopes_, make_systemd_scope_host(*loop_));
    // A health check is started from here, and has to get from here to the workload's cgroup.
    if (::geteuid() != 0) {
      CGW_TRY(enter_user_scope("cgwarden-run-" + std::to_string(::getpid()) + ".scope"));
    }
  } else {
    scopes_ = make_cgroupfs_scope_host(
        *tree_, request_.cgroup_parent.empty() ? std::string(kSlice) : request_.cgroup_parent);
  }
  CGW_TRY(make_directories(options_.runtime_dir + "/workloads", 0755));
  supervisor_ = std::make_unique<Supervisor>(Supervisor::Parts{.loop = loop_.get(),
                                                               .clock = &clock_,
                                                               .tree = &*tree_,
                                                               .scopes = scopes_.get(),
                                                               .enforcer = &*enforcer_,
                                                               .listener = this,
                                                               .foreground = &fds_},
                                             options_);
  return {};
}

void Foreground::signals_received() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    const auto number = static_cast<int>(info.ssi_signo);
    if (number != SIGCHLD && number != SIGPIPE && number != SIGWINCH) take_signal(number);
  }
}

void Foreground::take_signal(int number) {
  if (asks_to_end(number)) {
    supervisor_->want_no_more(name_);
    if (++asked_to_end_ >= kAsksBeforeKill) supervisor_->kill_now(name_, "asked to end repeatedly");
  }
  // SIGTERM is how a service manager and `cgwarden stop` ask for an end; the workload may know
  // another signal for it. None to signal: it starts, and is stopped then, or is gone.
  const int passed_on = number == SIGTERM ? supervisor_->stop_signal_of(name_) : number;
  (void)supervisor_->signal(
      name_, passed_on,
      "signal passed on by the foreground run, process " + std::to_string(::getpid()));
}

// Holds up the loop until the command ends: nothing else is to be done meanwhile, and the relay
// hands the signals over. `process` is a pidfd, or -1 when the command is over already.
void Foreground::relay(int process) {
  const auto master = launcher::receive_terminal(console_.get());
  if (!master) return;
  relayed_ = true;
  const auto raw = launcher::RawTerminal::enter(STDIN_FILENO);
  const auto relayed = launcher::relay_terminal(master->get(), STDIN_FILENO, STDOUT_FILENO, process,
                                                [this](int number) { take_signal(number); });
  if (!relayed) log::error("terminal_lost", {{"error", relayed.error().sentence()}});
}

void Foreground::workload_started(const std::string& name) {
  const int process = supervisor_->process_of(name);
  // Without one it was too short to be seen alive, and its death is told next.
  if (request_.terminal && process >= 0) relay(process);
}

diagnosis::Verdict Foreground::workload_died(const launcher::ExitRecord& record,
                                             std::vector<diagnosis::OwnAction> own_actions,
                                             std::vector<std::string> lost) {
  if (request_.terminal && !std::exchange(relayed_, false)) relay(-1);
  KernelLogExtract log;
  log.fault = "a run in the foreground does not read it";
  end_.exit_code = exit_code_of(record);
  end_.verdict =
      diagnosis::diagnose(evidence_of(record, log, std::move(own_actions), std::move(lost)));
  return *end_.verdict;
}

// Of one incarnation; another one may follow.
void Foreground::ended() {
  for (const auto& summary : supervisor_->list()) {
    if (summary.name == name_ && summary.state == WorkloadState::exited) return loop_->stop();
  }
  supervisor_->wait(name_, [this](const Status& /*gone*/) { ended(); });
}

// Somebody else's: an agent's above all, which may be about to restart it.
Status Foreground::look_for_others() const {
  const auto files = read_workload_files(options_.runtime_dir, name_);
  if (!files || !files->note) return {};
  if (!files->shim_alive && !files->note->wanted) return {};
  return fail(Error{ErrorKind::busy, 0, "run", name_,
                    std::string(files->shim_alive ? "it is running" : "it waits for its restart") +
                        " already; cgwarden stop " + name_ + " or cgwarden rm --force " + name_ +
                        " first"});
}

Result<ForegroundEnd> Foreground::run() {
  CGW_TRY(look_for_others());
  supervisor_->launch(request_.yaml, request_.origin, Supervisor::Asked::by_caller,
                      [this](const Status& launched) {
                        if (!launched) end_.start_error = launched.error();
                      });
  if (!supervisor_->knows(name_)) {
    return fail(
        end_.start_error.value_or(Error{ErrorKind::io, 0, "launch", name_, "it was not taken on"}));
  }
  // A start that failed at once has ended already.
  bool over = false;
  for (const auto& summary : supervisor_->list()) over |= summary.state == WorkloadState::exited;
  if (!over) {
    supervisor_->wait(name_, [this](const Status& /*gone*/) { ended(); });
    CGW_TRY(loop_->run());
  }
  if (request_.remove) {
    if (const Status removed = remove_upper(options_.state_dir, name_); !removed) {
      log::warning("upper_left_behind", {{"error", removed.error().sentence()}});
    }
    std::error_code ignored;
    std::filesystem::remove_all(workload_directory(options_.runtime_dir, name_), ignored);
  }
  return std::move(end_);
}

}  // namespace

Result<ForegroundEnd> run_foreground(const Options& options, const ForegroundRequest& request) {
  // What it does is seen; its log is for services.
  log::set_level(log::Level::error);
  ::signal(SIGPIPE, SIG_IGN);
  Foreground foreground(request);
  CGW_TRY(foreground.open(options));
  return foreground.run();
}

}  // namespace cgwarden::agent
