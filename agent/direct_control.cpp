#include "agent/direct_control.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <system_error>

#include "agent/freezer.h"
#include "agent/policy_source.h"
#include "agent/shim_process.h"
#include "agent/stop_signal.h"
#include "agent/upper_directories.h"
#include "base/clock.h"
#include "base/file.h"
#include "cgroup/control_file.h"
#include "cgroup/format.h"
#include "launcher/oci/signal_name.h"

namespace cgwarden::agent {
namespace {

// Far above what a SIGKILL takes on a busy machine.
constexpr Usec kGrace{60'000'000};
constexpr Usec kFreezeTime{10'000'000};
constexpr useconds_t kPollUsec = 20'000;

Error not_running(const std::string& operation, const WorkloadFiles& files) {
  return Error::invalid(operation, files.name, "it is not running");
}

bool lives(const WorkloadFiles& files) { return files.status && files.shim_alive && !files.exit; }

// True once the process of `pidfd` has ended.
bool ends_within(const UniqueFd& pidfd, Usec time) {
  const SystemClock clock;
  const Usec deadline = clock.now().boottime + time;
  for (;;) {
    const Usec now = clock.now().boottime;
    const int msec = now < deadline ? static_cast<int>((deadline - now).count() / 1000U) + 1 : 0;
    pollfd end{pidfd.get(), POLLIN, 0};
    const int ready = ::poll(&end, 1, msec);
    if (ready > 0) return true;
    if (ready == 0 && msec == 0) return false;
  }
}

Status send(const UniqueFd& pidfd, int number, const std::string& name) {
  if (::syscall(SYS_pidfd_send_signal, pidfd.get(), number, nullptr, 0) == 0) return {};
  return fail(Error::from_errno(errno, "signal", name));
}

// A later agent must neither restart it nor wonder who stopped it.
Status note_stop(const Options& options, const WorkloadFiles& files, const std::string& reason) {
  if (!files.note) return {};
  AgentNote note = *files.note;
  note.wanted = false;
  note.stop_reason = reason;
  note.stop_boottime_usec = SystemClock().now().boottime.count();
  return write_agent_note(options.runtime_dir, files.name, note);
}

// The scope with all below it, once the last process has gone; systemd does it for its own.
void remove_cgroups(const cgroup::Tree& tree, const std::string& payload) {
  const std::string scope = std::filesystem::path(payload).parent_path().string();
  const SystemClock clock;
  const Usec deadline = clock.now().boottime + kFreezeTime;
  while (clock.now().boottime < deadline) {
    if (cgroup::remove_cgroups_below(tree, scope) && cgroup::remove_cgroup(tree, scope)) return;
    ::usleep(kPollUsec);
  }
}

Status end_processes(const cgroup::Tree& tree, const WorkloadFiles& files, const UniqueFd& shim,
                     Usec timeout) {
  if (ends_within(shim, timeout)) return {};
  CGW_TRY(cgroup::kill_cgroup(tree, files.status->cgroup));
  if (ends_within(shim, kGrace)) return {};
  return fail(Error{ErrorKind::busy, 0, "stop", files.name,
                    "its processes were killed and have not ended"});
}

}  // namespace

int stop_signal_of(const Options& options, const WorkloadFiles& files) {
  if (!files.note) return SIGTERM;
  const auto workload = parse_workload(files.note->yaml, files.note->origin);
  return workload ? stop_signal(*workload, files.note->image, options.state_dir) : SIGTERM;
}

bool agent_runs(const std::string& runtime_dir) {
  const auto lock = open_at(AT_FDCWD, runtime_dir + "/agent.lock", O_RDONLY);
  return lock && ::flock(lock->get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

std::optional<int> signal_of(const std::string& text) { return launcher::oci::signal_number(text); }

Status signal_directly(const WorkloadFiles& files, int number) {
  if (!lives(files)) return fail(not_running("signal", files));
  const auto process = open_process(files.status->pid, files.status->pid_start_time);
  if (!process) return fail(not_running("signal", files));
  return send(*process, number, files.name);
}

Status pause_directly(const cgroup::Tree& tree, const WorkloadFiles& files, bool paused) {
  if (!lives(files)) return fail(not_running(paused ? "pause" : "resume", files));
  const std::string& payload = files.status->cgroup;
  CGW_TRY(set_frozen(tree, payload, paused));
  const SystemClock clock;
  const Usec deadline = clock.now().boottime + kFreezeTime;
  for (;;) {
    CGW_ASSIGN(const std::string text, tree.read(payload, "cgroup.events"));
    CGW_ASSIGN(const auto events, cgroup::parse_cgroup_events(text));
    if (events.frozen.value_or(paused) == paused) return {};
    if (clock.now().boottime >= deadline) break;
    ::usleep(kPollUsec);
  }
  return fail(Error{ErrorKind::busy, 0, paused ? "pause" : "resume", files.name,
                    "cgroup.events does not say so after ten seconds; a process may be in an "
                    "uninterruptible sleep"});
}

Status stop_directly(const cgroup::Tree& tree, const Options& options, const WorkloadFiles& files,
                     Usec timeout, const std::string& reason) {
  const bool foreground = files.note && runner_lives(*files.note);
  std::optional<UniqueFd> runner;
  if (foreground) {
    CGW_ASSIGN(runner, open_process(files.note->runner_pid, files.note->runner_start_time));
    CGW_TRY(send(*runner, SIGTERM, files.name));
  } else {
    CGW_TRY(note_stop(options, files, reason));
  }
  if (lives(files)) {
    (void)set_frozen(tree, files.status->cgroup, false);
    const auto shim = open_process(files.status->shim_pid, files.status->shim_start_time);
    // A runner has passed its signal on; a failure here is one that has just ended.
    if (!foreground) (void)signal_directly(files, stop_signal_of(options, files));
    if (shim) CGW_TRY(end_processes(tree, files, *shim, timeout));
    if (!foreground) remove_cgroups(tree, files.status->cgroup);
  }
  if (runner) (void)ends_within(*runner, kGrace);
  return {};
}

Status remove_directly(const cgroup::Tree& tree, const Options& options, const WorkloadFiles& files,
                       bool force) {
  const bool foreground = files.note && runner_lives(*files.note);
  if (lives(files) || foreground) {
    if (!force) {
      return fail(Error{ErrorKind::busy, 0, "remove", files.name,
                        "it is running; stop it first, or use --force"});
    }
    CGW_TRY(stop_directly(tree, options, files, Usec{0}, "removed by force"));
  }
  CGW_TRY(remove_upper(options.state_dir, files.name));
  std::error_code error;
  std::filesystem::remove_all(files.directory, error);
  if (error) return fail(Error::from_errno(error.value(), "remove the files of", files.name));
  return {};
}

}  // namespace cgwarden::agent
