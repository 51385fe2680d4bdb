// Supervisor: from the end of a shim to the next start, or to nothing at all.
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <string_view>
#include <system_error>
#include <utility>

#include "agent/managed.h"
#include "agent/restart.h"
#include "agent/supervisor.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "cgroup/tree.h"

namespace cgwarden::agent {
namespace {

// A group kill takes one process after the other, and on a slow console it takes its time: the
// lines about the last ones come after the end of the shim.
constexpr Usec kLogSettles{300'000};

const std::string kNoRecord = "the shim (cgwarden-shim) ended without recording an exit status";

}  // namespace

void Supervisor::shim_ended(Managed& managed) {
  const bool just_now = managed.shim_watch.active();
  managed.shim_watch = {};
  managed.control_watch = {};
  managed.timer = {};
  // Fails with ECHILD for an adopted shim: then init reaps it.
  siginfo_t info{};
  ::waitid(P_PIDFD, static_cast<id_t>(managed.shim.pidfd.get()), &info, WEXITED | WNOHANG);
  memory_events_changed(managed);

  End end = end_of(managed);
  const launcher::ExitRecord& record = end.record;
  if (std::exchange(managed.taken_over_start, false) && end.unknown() && !managed.status) {
    return start_over(managed);  // it saw that its agent was gone, and gave up
  }
  if (end.made_up && just_now && managed.status) {
    auto timer = parts_.loop->timer(kLogSettles, Usec{0}, [this, &managed] {
      managed.settling = {};
      shim_ended(managed);
    });
    if (timer) {
      managed.settling = std::move(*timer);
      return;
    }
  }
  if (end.made_up) keep_record(managed, record);
  if (managed.launch_done) {
    const Error error = record.launch_error
                            ? start_error(managed.name(), *record.launch_error)
                            : Error{ErrorKind::io, 0, "start", managed.name(), kNoRecord};
    answer_launch(managed, fail(managed.start_error.value_or(error)));
  }
  finish(managed, record, std::move(end.lost));
}

// The shim's record, or what can be said without one.
Supervisor::End Supervisor::end_of(Managed& managed) {
  const auto files = read_workload_files(options_.runtime_dir, managed.name());
  const unsigned incarnation = managed.note.incarnation;
  if (files && files->status && files->status->incarnation == incarnation) {
    managed.status = files->status;
  }
  if (files && files->exit && files->exit->incarnation == incarnation) {
    return {.record = *files->exit, .lost = {}, .made_up = false};
  }
  End end{.record = {}, .lost = {}, .made_up = true};
  launcher::ExitRecord& record = end.record;
  record.name = managed.name();
  record.incarnation = incarnation;
  record.ended = parts_.clock->now();
  record.started = managed.status ? managed.status->started : record.ended;
  if (managed.start_error) {
    record.launch_error = launcher::LaunchError{"cgroup", managed.start_error->errno_value,
                                                managed.start_error->sentence()};
  } else if (managed.reported) {
    record.launch_error = managed.reported;
  } else {
    if (managed.status) {
      record.pid = managed.status->pid;
      record.main_pid = managed.status->main_pid;
    }
    // Where it ran is known, and the kernel log may tell of a limit there.
    for (std::string_view at = managed.payload; !at.empty(); at = cgroup::parent_path(at)) {
      record.cgroups.emplace_back().path = at;
    }
    end.lost.push_back(files ? kNoRecord
                             : "the shim's record is unreadable: " + files.error().sentence());
  }
  return end;
}

// An agent after us must see the same death, not make up another.
void Supervisor::keep_record(const Managed& managed, const launcher::ExitRecord& record) {
  const std::string file = workload_directory(options_.runtime_dir, managed.name()) + "/exit.json";
  if (const Status kept =
          write_file_atomically(file, launcher::to_json(record), launcher::kStateFileMode);
      !kept) {
    log::error("state_not_saved",
               {{"workload", managed.name()}, {"error", kept.error().sentence()}});
  }
}

void Supervisor::finish(Managed& managed, const launcher::ExitRecord& record,
                        std::vector<std::string> lost) {
  managed.health.reset();
  managed.memory_events_watch = {};
  managed.memory_events.reset();
  managed.shim = {};
  managed.main_pidfd.reset();
  managed.start_error.reset();
  managed.reported.reset();
  clean_cgroups(managed);
  const diagnosis::Verdict verdict = parts_.listener->workload_died(
      record, std::exchange(managed.own_actions, {}), std::move(lost));
  settle(managed, record, verdict.verdict);
}

// The decision is on disk before anything is done about it. An agent that dies before that leaves
// the record and an undecided note, and the next one decides the same.
void Supervisor::settle(Managed& managed, const launcher::ExitRecord& record,
                        diagnosis::VerdictClass verdict) {
  managed.last_verdict = to_string(verdict);
  managed.ended = record.ended.boottime;
  managed.status.reset();
  managed.state = WorkloadState::exited;
  const RestartDecision decision = decide_restart(managed.workload.restart, record, managed.note);
  (void)save_note(managed);  // logged; the workload goes on without
  if (decision.next == RestartDecision::Next::gave_up) {
    log::warning("workload_gave_up", {{"workload", managed.name()},
                                      {"restarts", std::to_string(managed.note.restarts)}});
  }
  if (decision.next == RestartDecision::Next::restart) {
    const std::string reason = restart_reason(
        record, verdict, managed.note.unhealthy_incarnation == managed.note.incarnation);
    parts_.listener->workload_restarting(managed.name(), reason);
    log::info("workload_backoff", {{"workload", managed.name()},
                                   {"reason", reason},
                                   {"delay", human_duration(decision.delay)}});
    restart_later(managed, decision.delay);
  }
  if (!managed.removal.pending()) answer_stops(managed, {});
}

void Supervisor::restart_later(Managed& managed, Usec delay) {
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

// An incarnation ends with all of its processes (without a pid namespace the command's children may
// outlive it) and with every cgroup below its scope: the next one must find no old counters.
void Supervisor::clean_cgroups(Managed& managed) {
  if (managed.scope.empty()) return;
  managed.removal.start(
      *parts_.loop, *parts_.tree, managed.scope,
      [this, &managed](const Error& why) {
        log::warning("cgroup_left_behind",
                     {{"workload", managed.name()}, {"error", why.sentence()}});
        answer_stops(managed, fail(why));
      },
      [this, &managed] { cleaned(managed); });
  if (!managed.removal.pending()) cleaned(managed);
}

void Supervisor::cleaned(Managed& managed) {
  if (const Status removed = parts_.scopes->remove(managed.name());
      !removed && removed.error().kind != ErrorKind::vanished) {
    log::warning("cgroup_left_behind",
                 {{"workload", managed.name()}, {"error", removed.error().sentence()}});
  }
  managed.scope.clear();
  managed.payload.clear();
  network_sweep_.start(managed.name());
  if (std::exchange(managed.start_when_clean, false)) return start_now(managed);
  if (managed.state == WorkloadState::exited || managed.state == WorkloadState::backoff) {
    answer_stops(managed, {});
  }
}

void Supervisor::forget_finished() {
  if (!kept_) return;
  std::vector<const Managed*> finished;
  for (const auto& [name, managed] : workloads_) {
    if (managed->state == WorkloadState::exited && !managed->removal.pending() &&
        !kept_->contains(name)) {
      finished.push_back(managed.get());
    }
  }
  std::ranges::sort(finished, std::greater{}, &Managed::ended);
  const Usec now = parts_.clock->now().boottime;
  const Usec age = std::chrono::seconds{limits::kFinishedWorkloadSeconds};
  for (std::size_t i = 0; i < finished.size(); ++i) {
    if (i < limits::kFinishedWorkloads && now < finished[i]->ended + age) continue;
    const std::string name = finished[i]->name();
    const Status forgotten = forget(name);
    if (forgotten) {
      log::debug("workload_forgotten", {{"workload", name}});
    } else if (forgotten.error().kind != ErrorKind::busy) {
      log::warning("workload_not_forgotten",
                   {{"workload", name}, {"error", forgotten.error().sentence()}});
    }
  }
}

Status Supervisor::save_note(Managed& managed) {
  Status saved = write_agent_note(options_.runtime_dir, managed.name(), managed.note);
  if (!saved) {
    log::error("state_not_saved",
               {{"workload", managed.name()}, {"error", saved.error().sentence()}});
  }
  return saved;
}

void Supervisor::answer_launch(Managed& managed, Status status) {
  if (auto done = std::exchange(managed.launch_done, nullptr)) done(std::move(status));
}

void Supervisor::answer_stops(Managed& managed, const Status& status) {
  for (auto& done : std::exchange(managed.stop_done, {})) done(status);
}

}  // namespace cgwarden::agent
