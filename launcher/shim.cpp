#include "launcher/shim.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/text.h"
#include "cgroup/tree.h"
#include "launcher/capture.h"
#include "launcher/descriptor_watch.h"
#include "launcher/filesystem_room.h"
#include "launcher/oom_watch.h"
#include "launcher/output_log.h"
#include "launcher/overlay_config.h"
#include "launcher/shim_network.h"
#include "launcher/spawn.h"
#include "launcher/state.h"

namespace cgwarden::launcher {
namespace {

// exit.json with 64 cgroup levels of captures is below this.
constexpr off_t kReservedBytes = 256 * 1024;
// Descendants that left the workload may hold its pipes for ever.
constexpr Usec kDrainTime{2000000};
// A full disk is often a log being rotated: five tries over a second.
constexpr int kRecordTries = 5;
constexpr useconds_t kRecordPauseUsec = 200000;

LaunchError as_launch_error(const char* stage, const Error& error) {
  // The sentence has strerror(errno) inside already.
  return LaunchError{stage, 0, error.sentence()};
}

// Control bytes escaped, line ends kept.
std::string printable_lines(std::string_view text) {
  std::string result;
  for (const std::string_view line : split(text, '\n')) {
    if (!result.empty() || line.data() != text.data()) result += '\n';
    result += printable(line);
  }
  return result;
}

class Shim {
 public:
  explicit Shim(const ShimOptions& options) : options_(options) {
    record_.name = options.name;
    record_.incarnation = options.incarnation;
  }
  int run();

 private:
  std::optional<std::string> receive_go() const;
  std::optional<LaunchError> lock();
  [[nodiscard]] bool agent_is_gone() const;
  int hold_workload(const std::string& message);
  std::optional<LaunchError> prepare(const std::string& cgroup);
  [[nodiscard]] std::string journal_fields(const char* stream, int priority) const;
  std::optional<LaunchError> start();
  std::optional<LaunchError> announce();
  void reply(const std::optional<LaunchError>& error);
  [[nodiscard]] std::string_view fresh_words(std::uint64_t seen) const;
  void hold();
  void collect_end();
  void drain();
  int record(int tries);
  [[nodiscard]] std::string path(const char* file) const { return options_.state_dir + "/" + file; }

  const ShimOptions& options_;
  SystemClock clock_;
  UniqueFd lock_;
  Spec spec_;
  ShimNetwork network_;
  std::optional<cgroup::Tree> tree_;
  std::optional<OutputLog> stdout_;
  std::optional<OutputLog> stderr_;
  Spawned spawned_;
  UniqueFd mounts_;  // of the command, which are gone with it else
  ExitRecord record_;
};

// nullopt: the agent gave up or is gone.
std::optional<std::string> Shim::receive_go() const {
  std::string message(limits::kCgroupPathBytes + 64, '\0');
  ssize_t count = 0;
  do {
    count = ::recv(options_.control_fd, message.data(), message.size(), 0);
  } while (count < 0 && errno == EINTR);
  if (count <= 0) return std::nullopt;
  message.resize(static_cast<std::size_t>(count));
  return message;
}

// One shim at a time writes the files of a workload and holds its command. The kernel ends the lock
// with the process.
std::optional<LaunchError> Shim::lock() {
  auto file = open_at(AT_FDCWD, path("shim.lock"), O_RDWR | O_CREAT, 0600);
  if (!file) return as_launch_error("state", file.error());
  if (::flock(file->get(), LOCK_EX | LOCK_NB) != 0) {
    return LaunchError{"state", errno, "another shim still holds " + path("shim.lock")};
  }
  lock_ = std::move(*file);
  return std::nullopt;
}

// An agent that says go and dies before the command runs does not know whether it runs. The next
// one starts it again, so this one must not.
bool Shim::agent_is_gone() const {
  pollfd control{options_.control_fd, POLLRDHUP, 0};
  return ::poll(&control, 1, 0) > 0 && (control.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

// Everything that can fail without a process: the spec, the state directory, the cgroup.
std::optional<LaunchError> Shim::prepare(const std::string& message) {
  const auto config = read_all(options_.spec_fd, "the spec", limits::kStateFileBytes);
  if (!config) return as_launch_error("spec", config.error());
  auto spec = parse_config(*config, "config.json");
  if (!spec) return as_launch_error("spec", spec.error());
  if (const Status read = read_overlay_annotations(*spec); !read) {
    return as_launch_error("spec", read.error());
  }
  spec_ = std::move(*spec);
  auto network = ShimNetwork::of(spec_, options_.name, options_.state_dir);
  if (!network) return std::move(network).error();
  network_ = std::move(*network);

  auto output = OutputLog::open(path("stdout.log"), 0, options_.log, journal_fields("stdout", 6));
  if (!output) return as_launch_error("state", output.error());
  stdout_ = std::move(*output);
  auto errors = OutputLog::open(path("stderr.log"), limits::kStderrTailBytes, options_.log,
                                journal_fields("stderr", 4));
  if (!errors) return as_launch_error("state", errors.error());
  stderr_ = std::move(*errors);
  stdout_->copy_to(UniqueFd(options_.stdout_fd));
  stderr_->copy_to(UniqueFd(options_.stderr_fd));
  // Room for the last word is set aside now: a full disk must not cost the exit status.
  const auto reserved = open_at(AT_FDCWD, path("exit.json.reserved"), O_WRONLY | O_CREAT, 0600);
  if (!reserved) return as_launch_error("state", reserved.error());
  if (const int error = ::posix_fallocate(reserved->get(), 0, kReservedBytes); error != 0) {
    return as_launch_error("state",
                           Error::from_errno(error, "set aside 256 KiB in", options_.state_dir));
  }

  const auto cgroup = parse_go_message(message);
  if (!cgroup) return as_launch_error("cgroup", cgroup.error());
  auto tree = cgroup::Tree::open(options_.cgroup_root);
  if (!tree) return as_launch_error("cgroup", tree.error());
  tree_ = std::move(*tree);
  auto captures = capture_before(*tree_, *cgroup);
  if (!captures) return as_launch_error("cgroup", captures.error());
  record_.cgroups = std::move(*captures);
  return std::nullopt;
}

// systemd.journal-fields(7); the priorities are those of syslog(3): info and warning.
std::string Shim::journal_fields(const char* stream, int priority) const {
  return "SYSLOG_IDENTIFIER=" + options_.name + "\nPRIORITY=" + std::to_string(priority) +
         "\nCGWARDEN_WORKLOAD=" + options_.name +
         "\nCGWARDEN_INCARNATION=" + std::to_string(options_.incarnation) +
         "\nCGWARDEN_STREAM=" + stream + "\n";
}

std::optional<LaunchError> Shim::start() {
  const auto cgroup = tree_->open_cgroup(record_.cgroups.front().path);
  if (!cgroup) return as_launch_error("cgroup", cgroup.error());
  auto input = options_.stdin_fd < 0 ? open_at(AT_FDCWD, "/dev/null", O_RDONLY)
                                     : Result<UniqueFd>(UniqueFd(options_.stdin_fd));
  if (!input) return as_launch_error("stdio", input.error());
  const UniqueFd console(options_.console_fd);
  SpawnRequest request;
  request.spec = &spec_;
  if (network_.wanted()) {
    if (Step prepared = network_.prepare(spec_); !prepared) return std::move(prepared).error();
    request.prepare = [this](pid_t child) -> StepResult<std::string> {
      CGW_TRY(network_.connect(child));
      return std::string();
    };
  }
  request.cgroup_fd = cgroup->get();
  request.stdin_fd = input->get();
  request.stdout_fd = stdout_->write_end();
  request.stderr_fd = stderr_->write_end();
  request.console_socket = console.get();
  auto spawned = spawn(request);
  record_.started = clock_.now();
  stdout_->close_write_end();
  stderr_->close_write_end();
  if (!spawned) return std::move(spawned).error();
  spawned_ = std::move(*spawned);
  record_.pid = spawned_.pid;
  record_.main_pid = spawned_.main_pid;
  mounts_ = mount_namespace_of(spawned_.main_pid);
  return std::nullopt;
}

// status.json: without it no later agent could find the workload, so it may not run.
std::optional<LaunchError> Shim::announce() {
  RunningStatus status;
  status.name = options_.name;
  status.incarnation = options_.incarnation;
  status.shim_pid = ::getpid();
  const auto start_time = process_start_time(status.shim_pid);
  if (start_time) status.shim_start_time = *start_time;
  status.pid = spawned_.pid;
  // Not reaped before this: the pid cannot be another's.
  if (const auto born = process_start_time(spawned_.pid)) status.pid_start_time = *born;
  status.main_pid = spawned_.main_pid;
  status.started = record_.started;
  status.cgroup = record_.cgroups.front().path;
  const Status written =
      start_time ? write_file_atomically(path("status.json"), to_json(status), kStateFileMode)
                 : Status(fail(start_time.error()));
  if (written) return std::nullopt;
  ::syscall(SYS_pidfd_send_signal, spawned_.pidfd.get(), SIGKILL, nullptr, 0);
  collect_end();
  return as_launch_error("state", written.error());
}

void Shim::reply(const std::optional<LaunchError>& error) {
  const ShimReply answer{.pid = record_.pid, .main_pid = record_.main_pid, .error = error};
  const std::string message = to_json(answer);
  // An agent that is gone by now finds status.json or exit.json instead.
  (void)::send(options_.control_fd, message.data(), message.size(), MSG_NOSIGNAL);
  ::close(options_.control_fd);
}

// What has come of stderr since `seen`, and so much before it as a word may be cut.
std::string_view Shim::fresh_words(std::uint64_t seen) const {
  constexpr std::uint64_t kLongestWords = 32;
  const std::string_view tail = stderr_->tail();
  const std::uint64_t fresh = stderr_->total_bytes() - seen;
  if (fresh == 0) return {};
  return tail.substr(tail.size() - std::min<std::uint64_t>(tail.size(), fresh + kLongestWords));
}

void Shim::hold() {
  DescriptorWatch descriptors(*tree_, record_.cgroups.front().path, record_.started.boottime,
                              spawned_.pid == spawned_.main_pid ? -1 : spawned_.pid);
  OomWatch oom(*tree_, record_.cgroups, {spawned_.pid, spawned_.main_pid}, record_.started);
  for (;;) {
    std::vector<pollfd> waits{{spawned_.pidfd.get(), POLLIN, 0}, stdout_->wait(), stderr_->wait()};
    oom.add_polls(waits);
    const Usec now = clock_.now().boottime;
    int timeout_msec = descriptors.timeout_msec(now);
    if (const int judged = oom.timeout_msec(now); judged >= 0) {
      timeout_msec = std::min(timeout_msec, judged);
    }
    if (::poll(waits.data(), waits.size(), timeout_msec) < 0) continue;
    const std::uint64_t seen = stderr_->total_bytes();
    if (waits[2].revents != 0) stderr_->pump();
    // At once: who has no more descriptors often says so and ends.
    descriptors.read_words(fresh_words(seen), clock_.now());
    if (waits[1].revents != 0) stdout_->pump();
    if (waits[0].revents != 0) break;
    descriptors.look_when_due(clock_.now());
    oom.look(waits, clock_.now());
  }
  oom.write_to(record_);
  record_.descriptors = descriptors.newest();
}

// The zombie keeps its place in the cgroup until it is reaped: the counters are read before that.
void Shim::collect_end() {
  record_.ended = clock_.now();
  capture_after(*tree_, record_.cgroups);
  siginfo_t info{};
  while (::waitid(P_PIDFD, static_cast<id_t>(spawned_.pidfd.get()), &info, WEXITED) != 0 &&
         errno == EINTR) {
  }
  const WaitStatus direct{.code = info.si_code, .status = info.si_status};
  if (spec_.init) {
    record_.init_wait = direct;
    record_.wait = read_status(spawned_);
  } else {
    record_.wait = direct;
  }
  rusage usage{};
  if (::getrusage(RUSAGE_CHILDREN, &usage) == 0) {
    const auto usec = [](const timeval& time) {
      return Usec(static_cast<std::uint64_t>(time.tv_sec) * 1000000U +
                  static_cast<std::uint64_t>(time.tv_usec));
    };
    record_.max_rss = Bytes{static_cast<std::uint64_t>(usage.ru_maxrss) * 1024U};
    record_.user = usec(usage.ru_utime);
    record_.system = usec(usage.ru_stime);
  }
}

int Shim::record(int tries) {
  if (stdout_) record_.stdout_dropped = Bytes{stdout_->dropped_bytes()};
  if (stderr_) record_.stderr_dropped = Bytes{stderr_->dropped_bytes()};
  if (stderr_) record_.stderr_tail = printable_lines(stderr_->tail());
  const std::string text = to_json(record_);
  Status written;
  for (int i = 0; i < tries; ++i) {
    if (i > 0) ::usleep(kRecordPauseUsec);
    ::unlink(path("exit.json.reserved").c_str());
    written = write_file_atomically(path("exit.json"), text, kStateFileMode);
    if (written) return 0;
  }
  const WaitStatus wait = record_.wait.value_or(WaitStatus{});
  ::openlog("cgwarden-shim", LOG_PERROR | LOG_PID, LOG_DAEMON);
  ::syslog(LOG_ERR, "%s incarnation %u ended with si_code %d status %d, but %s",
           options_.name.c_str(), options_.incarnation, wait.code, wait.status,
           written.error().sentence().c_str());
  return 1;
}

// What is still in the pipes, until their end or kDrainTime; a foreground reader is waited for, its
// pager may stand still for hours.
void Shim::drain() {
  const Usec deadline = clock_.now().boottime + kDrainTime;
  while (stdout_->wait().fd >= 0 || stderr_->wait().fd >= 0) {
    const bool copy_waits = stdout_->copy_waits() || stderr_->copy_waits();
    const Usec now = clock_.now().boottime;
    if (now >= deadline && !copy_waits) return;
    const int left_msec = copy_waits ? -1 : static_cast<int>((deadline - now).count() / 1000U) + 1;
    std::array<pollfd, 2> waits{{stdout_->wait(), stderr_->wait()}};
    if (::poll(waits.data(), waits.size(), left_msec) < 0) continue;
    if (waits[0].revents != 0) stdout_->pump();
    if (waits[1].revents != 0) stderr_->pump();
  }
}

int Shim::run() {
  const auto message = receive_go();
  if (!message || agent_is_gone()) return 0;
  if (const auto error = lock()) {
    reply(error);  // the record is the other shim's to write
    return 1;
  }
  return hold_workload(*message);
}

int Shim::hold_workload(const std::string& message) {
  auto error = prepare(message);
  if (!error && agent_is_gone()) {
    ::unlink(path("exit.json.reserved").c_str());
    return 0;
  }
  if (!error) error = start();
  if (!error) error = announce();
  if (error) {
    record_.launch_error = error;
    // An OOM kill before execve(2) shows only here.
    if (tree_) capture_after(*tree_, record_.cgroups);
    if (record_.ended.boottime.count() == 0) record_.ended = clock_.now();
    if (record_.started.boottime.count() == 0) record_.started = record_.ended;
    // The agent waits for the reply: no long tries when, say, the state directory is missing.
    const int status = record(1);
    network_.disconnect();
    reply(error);
    return status;
  }
  reply(std::nullopt);
  hold();
  collect_end();
  // The last words belong into the record; the pipes' end may come much later.
  stdout_->pump();
  stderr_->pump();
  if (says_no_room(stderr_->tail())) record_.filesystems = room_in(mounts_);
  mounts_.reset();
  const int status = record(kRecordTries);
  network_.disconnect();
  drain();
  return status;
}

}  // namespace

int run_shim(const ShimOptions& options) {
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE}) {
    ::signal(number, SIG_IGN);
  }
  ::setsid();
  for (const int fd : {options.spec_fd, options.control_fd, options.stdin_fd, options.stdout_fd,
                       options.stderr_fd, options.console_fd}) {
    if (fd < 0) continue;
    if (::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
      const Error error = Error::from_errno(errno, "use the descriptor", std::to_string(fd));
      (void)write_all(STDERR_FILENO, "cgwarden-shim: " + error.sentence() + "\n", "stderr");
      return 1;
    }
  }
  return Shim(options).run();
}

}  // namespace cgwarden::launcher
