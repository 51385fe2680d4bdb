#include "agent/health_monitor.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include "agent/freezer.h"
#include "base/log.h"
#include "base/program.h"
#include "base/text.h"

namespace cgwarden::agent {
namespace {

// What a failing check said is for a person to read.
constexpr std::size_t kCheckOutputBytes = 2048;
// The process ends itself at the check's own timeout; this is for one that cannot.
constexpr Usec kKillGrace{10'000'000};

std::string msec(Usec time) { return std::to_string(time.count() / 1000U); }

}  // namespace

HealthMonitor::HealthMonitor(const Parts& parts, Target target, policy::HealthCheck check,
                             HealthReport report, Changed changed)
    : parts_(parts),
      target_(std::move(target)),
      check_(std::move(check)),
      changed_(std::move(changed)),
      report_(std::move(report)) {}

HealthMonitor::~HealthMonitor() { kill_and_reap(); }

Status HealthMonitor::start() {
  CGW_ASSIGN(timer_, parts_.loop->timer(check_.interval, Usec{0}, [this] { check_now(); }));
  return {};
}

std::vector<std::string> HealthMonitor::words() const {
  const bool exec = check_.kind == policy::HealthCheck::Kind::exec;
  std::vector<std::string> words{target_.shim,      exec ? "exec" : "probe", "--state-dir",
                                 target_.state_dir, "--timeout-msec",        msec(check_.timeout)};
  if (exec) {
    words.insert(words.end(), {"--cgroup-root", parts_.tree->root(), "--"});
    words.insert(words.end(), check_.command.begin(), check_.command.end());
    return words;
  }
  words.insert(words.end(), {"--port", std::to_string(check_.port)});
  if (check_.kind == policy::HealthCheck::Kind::http) {
    words.insert(words.end(), {"--path", check_.path});
  }
  return words;
}

void HealthMonitor::later() {
  auto timer = parts_.loop->timer(check_.interval, Usec{0}, [this] { check_now(); });
  if (timer) {
    timer_ = std::move(*timer);
  } else {
    log::error("health_check_off",
               {{"workload", target_.name}, {"error", timer.error().sentence()}});
  }
}

void HealthMonitor::check_now() {
  timer_ = {};
  if (is_frozen(*parts_.tree, target_.payload)) return later();
  output_.clear();
  if (const Status spawned = spawn(); !spawned) {
    // Says nothing about the workload.
    log::error("health_check_failed",
               {{"workload", target_.name}, {"error", spawned.error().sentence()}});
    kill_and_reap();
    later();
  }
}

Status HealthMonitor::spawn() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(Error::from_errno(errno, "make", "a pipe"));
  pipe_.reset(ends[0]);
  const UniqueFd theirs(ends[1]);
  if (::fcntl(pipe_.get(), F_SETFL, O_NONBLOCK) != 0) {
    return fail(Error::from_errno(errno, "set up", "a pipe"));
  }
  CGW_ASSIGN(pid_, start_program({.path = target_.shim,
                                  .words = words(),
                                  .environment = {},
                                  .descriptors = {Program::kNull, theirs.get(), theirs.get()},
                                  .group = Program::Group::own_session}));
  pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  if (!pidfd_.valid()) return fail(Error::from_errno(errno, "watch", "a health check"));
  CGW_ASSIGN(end_watch_,
             parts_.loop->add(pidfd_.get(), EPOLLIN, [this](std::uint32_t) { check_ended(); }));
  CGW_ASSIGN(output_watch_,
             parts_.loop->add(pipe_.get(), EPOLLIN, [this](std::uint32_t) { output_readable(); }));
  CGW_ASSIGN(deadline_, parts_.loop->timer(check_.timeout + kKillGrace, Usec{0}, [this] {
    output_ += "the check did not end in time";
    kill_and_reap();
    settle(false);
  }));
  return {};
}

// All of it is read, so that a check that says much is not held up; the beginning is kept.
void HealthMonitor::output_readable() {
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t count = ::read(pipe_.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) {
      output_watch_ = {};
      return;
    }
    const std::size_t room = kCheckOutputBytes - std::min(output_.size(), kCheckOutputBytes);
    output_.append(buffer.data(), std::min(static_cast<std::size_t>(count), room));
  }
}

void HealthMonitor::check_ended() {
  siginfo_t info{};
  if (::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED | WNOHANG) != 0 ||
      info.si_pid == 0) {
    return;
  }
  pid_ = -1;
  if (output_watch_.active()) output_readable();
  const bool timed_out = info.si_code == CLD_EXITED && info.si_status == 124;
  if (timed_out) output_ += "no end after " + msec(check_.timeout) + " ms";
  kill_and_reap();
  settle(info.si_code == CLD_EXITED && info.si_status == 0);
}

void HealthMonitor::settle(bool passed) {
  const HealthReport before = report_;
  const TimePoint now = parts_.clock->now();
  add_outcome(report_, check_, passed, now.boottime - target_.started_boottime);
  if (!passed) report_.output = printable(trim(output_));
  if (report_.health != before.health) report_.changed_wall = now.wall;
  later();
  if (report_.health == before.health && report_.failures_in_row == before.failures_in_row) return;
  // A copy: it may destroy this object.
  const Changed changed = changed_;
  const HealthReport report = report_;
  changed(report);
}

void HealthMonitor::kill_and_reap() {
  end_watch_ = {};
  output_watch_ = {};
  deadline_ = {};
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  pid_ = -1;
  pidfd_.reset();
  pipe_.reset();
}

}  // namespace cgwarden::agent
