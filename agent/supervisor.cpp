#include "agent/supervisor.h"

#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "agent/managed.h"
#include "agent/policy_source.h"
#include "base/log.h"
#include "cgroup/control_file.h"
#include "cgroup/format.h"

namespace cgwarden::agent {

std::string_view to_string(WorkloadState state) {
  switch (state) {
    case WorkloadState::starting:
      return "starting";
    case WorkloadState::running:
      return "running";
    case WorkloadState::backoff:
      return "backoff";
    case WorkloadState::stopping:
      return "stopping";
    case WorkloadState::exited:
      return "exited";
  }
  return "exited";
}

Error start_error(const std::string& name, const launcher::LaunchError& error) {
  const ErrorKind kind =
      error.errno_value != 0 ? Error::from_errno(error.errno_value, "", "").kind : ErrorKind::io;
  std::string detail = error.stage + ": " + error.text;
  if (error.errno_value != 0) detail += std::string(": ") + std::strerror(error.errno_value);
  return Error{kind, 0, "start", name, std::move(detail)};
}

Supervisor::Supervisor(const Parts& parts, Options options)
    : parts_(parts), options_(std::move(options)) {}

Supervisor::~Supervisor() = default;

void Supervisor::launch(const std::string& yaml, const std::string& origin, Control::Done done) {
  auto workload = parse_workload(yaml, origin);
  if (!workload) return done(fail(workload.error()));
  const std::string name = workload->name;
  const auto known = workloads_.find(name);
  if (known != workloads_.end() && known->second->state != WorkloadState::exited) {
    return done(fail(Error{
        ErrorKind::busy, 0, "launch", name,
        "it is " + std::string(to_string(known->second->state)) + " already; stop it first"}));
  }
  auto managed = std::make_unique<Managed>();
  managed->workload = std::move(*workload);
  if (known != workloads_.end()) {
    managed->note = known->second->note;
    managed->last_verdict = known->second->last_verdict;
  }
  managed->note.origin = origin;
  managed->note.yaml = yaml;
  managed->note.wanted = true;
  managed->note.restarts = 0;
  managed->launch_done = std::move(done);
  parts_.listener->workload_known(name);
  Managed& entry = *managed;
  workloads_[name] = std::move(managed);
  start(entry);
}

void Supervisor::stop(const std::string& name, const std::string& reason, Control::Done done) {
  const auto found = workloads_.find(name);
  if (found == workloads_.end()) {
    return done(fail(Error{ErrorKind::vanished, 0, "stop", name, "there is no such workload"}));
  }
  Managed& managed = *found->second;
  managed.note.wanted = false;
  managed.note.stop_reason = reason;
  managed.note.stop_boottime_usec = parts_.clock->now().boottime.count();
  save_note(managed);
  switch (managed.state) {
    case WorkloadState::exited:
      return done({});
    case WorkloadState::backoff:
      managed.timer = {};
      managed.state = WorkloadState::exited;
      return done({});
    case WorkloadState::starting:  // running_now() sees that it is no longer wanted
    case WorkloadState::stopping:
      managed.stop_done.push_back(std::move(done));
      return;
    case WorkloadState::running:
      managed.stop_done.push_back(std::move(done));
      return begin_stop(managed);
  }
}

void Supervisor::begin_stop(Managed& managed) {
  managed.state = WorkloadState::stopping;
  managed.own_actions.push_back({SIGTERM, managed.note.stop_reason, parts_.clock->now().boottime});
  ::syscall(SYS_pidfd_send_signal, managed.main_pidfd.get(), SIGTERM, nullptr, 0);
  auto timer = parts_.loop->timer(managed.workload.stop_timeout, Usec{0},
                                  [this, &managed] { stop_timed_out(managed); });
  if (timer) {
    managed.timer = std::move(*timer);
  } else {
    stop_timed_out(managed);  // without a timer nobody would ever send the SIGKILL
  }
}

void Supervisor::stop_timed_out(Managed& managed) {
  managed.timer = {};
  managed.own_actions.push_back(
      {SIGKILL,
       "stop timeout of " + human_duration(managed.workload.stop_timeout) + " after SIGTERM",
       parts_.clock->now().boottime});
  log::warning("workload_stop_timeout", {{"workload", managed.name()}});
  if (const Status killed = cgroup::kill_cgroup(*parts_.tree, managed.payload); !killed) {
    ::syscall(SYS_pidfd_send_signal, managed.main_pidfd.get(), SIGKILL, nullptr, 0);
  }
}

void Supervisor::watch_memory_events(Managed& managed) {
  auto watch = cgroup::EventsWatch::open(*parts_.tree, managed.payload, "memory.events");
  if (!watch) return;  // no memory controller: nothing can be OOM-killed by a limit here
  managed.memory_events = std::move(*watch);
  auto registration =
      parts_.loop->add(managed.memory_events->fd(), EPOLLPRI,
                       [this, &managed](std::uint32_t) { memory_events_changed(managed); });
  if (registration) managed.memory_events_watch = std::move(*registration);
  memory_events_changed(managed);
}

void Supervisor::memory_events_changed(Managed& managed) {
  if (!managed.memory_events) return;
  const auto text = managed.memory_events->read();
  if (!text) return;
  const auto events = cgroup::parse_memory_events(*text);
  if (!events || !events->oom_kill) return;
  parts_.listener->oom_kills_counted(managed.name(), managed.payload, *events->oom_kill);
}

void Supervisor::shim_ended(Managed& managed) {
  managed.shim_watch = {};
  managed.control_watch = {};
  managed.timer = {};
  // Fails with ECHILD for an adopted shim: then init reaps it.
  siginfo_t info{};
  ::waitid(P_PIDFD, static_cast<id_t>(managed.shim.pidfd.get()), &info, WEXITED | WNOHANG);
  memory_events_changed(managed);

  const auto files = read_workload_files(options_.runtime_dir, managed.name());
  std::vector<std::string> lost;
  launcher::ExitRecord record;
  if (files && files->exit && files->exit->incarnation == managed.note.incarnation) {
    record = *files->exit;
  } else {
    record.name = managed.name();
    record.incarnation = managed.note.incarnation;
    record.ended = parts_.clock->now();
    record.started = managed.status ? managed.status->started : record.ended;
    if (managed.start_error) {
      record.launch_error = launcher::LaunchError{"cgroup", managed.start_error->errno_value,
                                                  managed.start_error->sentence()};
    } else {
      if (managed.status) {
        record.pid = managed.status->pid;
        record.main_pid = managed.status->main_pid;
      }
      lost.push_back(files ? "the shim (cgwarden-shim) ended without recording an exit status"
                           : "the shim's record is unreadable: " + files.error().sentence());
    }
  }
  if (managed.launch_done) {
    const Error error = record.launch_error
                            ? start_error(managed.name(), *record.launch_error)
                            : Error{ErrorKind::io, 0, "start", managed.name(), lost.front()};
    answer_launch(managed, fail(managed.start_error.value_or(error)));
  }
  finish(managed, record, std::move(lost));
}

void Supervisor::finish(Managed& managed, const launcher::ExitRecord& record,
                        std::vector<std::string> lost) {
  managed.memory_events_watch = {};
  managed.memory_events.reset();
  managed.shim = {};
  managed.main_pidfd.reset();
  managed.start_error.reset();
  clean_cgroups(managed);
  const diagnosis::Verdict verdict = parts_.listener->workload_died(
      record, std::exchange(managed.own_actions, {}), std::move(lost));
  managed.last_verdict = to_string(verdict.verdict);
  managed.status.reset();
  managed.state = WorkloadState::exited;
  decide_restart(managed, verdict, record);
  answer_stops(managed);
}

void Supervisor::decide_restart(Managed& managed, const diagnosis::Verdict& verdict,
                                const launcher::ExitRecord& record) {
  const policy::Restart& restart = managed.workload.restart;
  const bool clean = record.wait && record.wait->code == CLD_EXITED && record.wait->status == 0;
  if (!managed.note.wanted || restart.policy == policy::RestartPolicy::no ||
      (restart.policy == policy::RestartPolicy::on_failure && clean)) {
    managed.note.wanted = false;
    save_note(managed);
    return;
  }
  if (restart.max_restarts && managed.note.restarts >= *restart.max_restarts) {
    log::warning("workload_gave_up", {{"workload", managed.name()},
                                      {"restarts", std::to_string(managed.note.restarts)}});
    managed.note.wanted = false;
    save_note(managed);
    return;
  }
  const Usec ran = record.ended.boottime - std::min(record.started.boottime, record.ended.boottime);
  managed.failures_in_row = ran >= restart.reset_after ? 1 : managed.failures_in_row + 1;
  Usec delay = restart.backoff;
  for (unsigned i = 1; i < managed.failures_in_row && delay < restart.backoff_max; ++i) delay *= 2;
  delay = std::min(delay, restart.backoff_max);
  std::string reason = "exit";
  if (record.launch_error) {
    reason = "launch_failure";
  } else if (verdict.verdict == diagnosis::VerdictClass::oom_own_limit ||
             verdict.verdict == diagnosis::VerdictClass::oom_ancestor_limit ||
             verdict.verdict == diagnosis::VerdictClass::oom_global) {
    reason = "oom";
  } else if (!record.wait || record.wait->code != CLD_EXITED) {
    reason = "signal";
  }
  ++managed.note.restarts;
  save_note(managed);
  parts_.listener->workload_restarting(managed.name(), reason);
  log::info("workload_backoff",
            {{"workload", managed.name()}, {"reason", reason}, {"delay", human_duration(delay)}});
  managed.state = WorkloadState::backoff;
  auto timer = parts_.loop->timer(delay, Usec{0}, [this, &managed] {
    managed.timer = {};
    start(managed);
  });
  if (timer) {
    managed.timer = std::move(*timer);
  } else {
    managed.state = WorkloadState::exited;
    log::error("workload_restart_failed",
               {{"workload", managed.name()}, {"error", timer.error().sentence()}});
  }
}

void Supervisor::clean_cgroups(Managed& managed) {
  if (managed.scope.empty()) return;
  const auto say = [&](const Status& status) {
    if (!status && status.error().kind != ErrorKind::vanished) {
      log::warning("cgroup_left_behind",
                   {{"workload", managed.name()}, {"error", status.error().sentence()}});
    }
  };
  // Without a pid namespace the command's children may outlive it; an incarnation ends with all of
  // them.
  if (const auto sample = parts_.tree->read_sample(managed.payload);
      sample && sample->cgroup_events && sample->cgroup_events->populated.value_or(false)) {
    say(cgroup::kill_cgroup(*parts_.tree, managed.payload));
  }
  say(cgroup::remove_cgroup(*parts_.tree, managed.payload));
  say(cgroup::remove_cgroup(*parts_.tree, managed.scope + "/supervisor"));
  say(parts_.scopes->remove(managed.name()));
  managed.scope.clear();
  managed.payload.clear();
}

void Supervisor::save_note(Managed& managed) {
  if (const Status saved = write_agent_note(options_.runtime_dir, managed.name(), managed.note);
      !saved) {
    log::error("state_not_saved",
               {{"workload", managed.name()}, {"error", saved.error().sentence()}});
  }
}

void Supervisor::answer_launch(Managed& managed, Status status) {
  if (auto done = std::exchange(managed.launch_done, nullptr)) done(std::move(status));
}

void Supervisor::answer_stops(Managed& managed) {
  for (auto& done : std::exchange(managed.stop_done, {})) done({});
}

std::string Supervisor::yaml_of(const std::string& name) const {
  const auto found = workloads_.find(name);
  return found == workloads_.end() ? std::string() : found->second->note.yaml;
}

std::map<std::string, std::string> Supervisor::labels_of(const std::string& name) const {
  const auto found = workloads_.find(name);
  return found == workloads_.end() ? std::map<std::string, std::string>{}
                                   : found->second->workload.labels;
}

std::vector<WorkloadSummary> Supervisor::list() const {
  std::vector<WorkloadSummary> list;
  for (const auto& [name, managed] : workloads_) {
    WorkloadSummary summary;
    summary.name = name;
    summary.state = managed->state;
    summary.incarnation = managed->note.incarnation;
    summary.restarts = managed->note.restarts;
    summary.cgroup = managed->payload;
    summary.last_verdict = managed->last_verdict;
    if (managed->status) {
      summary.pid = managed->status->main_pid;
      summary.started_wall = managed->status->started.wall;
    }
    list.push_back(std::move(summary));
  }
  return list;
}

std::vector<Supervisor::Running> Supervisor::running() const {
  std::vector<Running> list;
  for (const auto& [name, managed] : workloads_) {
    if (managed->state != WorkloadState::running && managed->state != WorkloadState::stopping) {
      continue;
    }
    list.push_back({name, managed->note.incarnation, managed->payload, &managed->workload});
  }
  return list;
}

}  // namespace cgwarden::agent
