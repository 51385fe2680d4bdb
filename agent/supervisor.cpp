#include "agent/supervisor.h"

#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <utility>

#include "agent/freezer.h"
#include "agent/image_store.h"
#include "agent/managed.h"
#include "agent/network_options.h"
#include "agent/policy_source.h"
#include "agent/process_sizes.h"
#include "agent/stop_signal.h"
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

std::string_view state_word(const WorkloadSummary& summary) {
  return summary.paused ? "paused" : to_string(summary.state);
}

Error start_error(const std::string& name, const launcher::LaunchError& error) {
  const ErrorKind kind =
      error.errno_value != 0 ? Error::from_errno(error.errno_value, "", "").kind : ErrorKind::io;
  std::string detail = error.stage + ": " + error.text;
  if (error.errno_value != 0) detail += std::string(": ") + std::strerror(error.errno_value);
  return Error{kind, 0, "start", name, std::move(detail)};
}

Supervisor::Supervisor(const Parts& parts, Options options)
    : parts_(parts),
      options_(std::move(options)),
      network_sweep_(*parts.loop, network_program(options_), network_directory(options_)),
      uppers_(*parts_.loop, options_.state_dir),
      upper_use_(*parts_.loop, *parts_.clock, options_.state_dir) {}

Supervisor::~Supervisor() = default;

void Supervisor::launch(const std::string& yaml, const std::string& origin, Asked asked,
                        Control::Done done) {
  auto workload = parse_workload(yaml, origin);
  if (!workload) return done(fail(workload.error()));
  const std::string name = workload->name;
  const auto found = workloads_.find(name);
  if (const Status free =
          free_to_launch(name, found == workloads_.end() ? nullptr : found->second.get());
      !free) {
    return done(fail(free.error()));
  }
  std::string image;
  if (!workload->image.empty()) {
    const auto stored = ImageStore(options_.state_dir).find(workload->image);
    if (!stored) return done(fail(stored.error()));
    image = stored->id;
  }
  auto& known = workloads_[name];
  // A known one is kept as it is: its old cgroups may still be on their way out.
  if (!known) known = std::make_unique<Managed>();
  Managed& managed = *known;
  managed.workload = std::move(*workload);
  uppers_.discard(name);  // a launch begins with the layers alone, a restart goes on
  AgentNote note;
  note.origin = origin;
  note.yaml = yaml;
  note.incarnation = managed.note.incarnation;
  note.image = std::move(image);
  note.unconfirmed = asked == Asked::by_caller;
  if (parts_.foreground != nullptr) {
    note.runner_pid = ::getpid();
    note.runner_start_time = launcher::process_start_time(note.runner_pid).value_or(0);
  }
  managed.note = std::move(note);
  managed.launch_done = std::move(done);
  parts_.listener->workload_known(name);
  start(managed);
}

Status Supervisor::free_to_launch(const std::string& name, const Managed* known) const {
  if (known != nullptr && known->state != WorkloadState::exited) {
    return fail(Error{ErrorKind::busy, 0, "launch", name,
                      "it is " + std::string(to_string(known->state)) + " already; stop it first"});
  }
  const auto files = read_workload_files(options_.runtime_dir, name);
  if (files && files->note && runner_lives(*files->note)) {
    return fail(Error{ErrorKind::busy, 0, "launch", name,
                      "it runs in the foreground of process " +
                          std::to_string(files->note->runner_pid) + "; stop it first"});
  }
  return no_shim_holds(options_.runtime_dir, name);
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
  // Without the note it still stops; only an agent after us would not know why.
  (void)save_note(managed);
  managed.stop_done.push_back(std::move(done));
  if (managed.state == WorkloadState::running) return begin_stop(managed, reason);
  if (managed.state == WorkloadState::backoff) {
    managed.timer = {};
    managed.state = WorkloadState::exited;
  }
  if (managed.start_when_clean) {
    managed.start_when_clean = false;
    managed.state = WorkloadState::exited;
    answer_launch(managed, fail(Error{ErrorKind::busy, 0, "start", name, "it was stopped"}));
  }
  // Starting: running_now() sees that it is no longer wanted.
  if (managed.state == WorkloadState::exited && !managed.removal.pending()) {
    answer_stops(managed, {});
  }
}

int Supervisor::stop_signal_of(const Managed& managed) const {
  return stop_signal(managed.workload, managed.note.image, options_.state_dir);
}

void Supervisor::begin_stop(Managed& managed, const std::string& reason) {
  managed.state = WorkloadState::stopping;
  managed.health.reset();
  const int signal = stop_signal_of(managed);
  // What stands still does not hear the signal.
  (void)set_frozen(*parts_.tree, managed.payload, false);
  managed.own_actions.push_back({signal, reason, parts_.clock->now().boottime});
  ::syscall(SYS_pidfd_send_signal, managed.main_pidfd.get(), signal, nullptr, 0);
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
  log::warning("workload_stop_timeout", {{"workload", managed.name()}});
  kill_all_of(managed, "stop timeout of " + human_duration(managed.workload.stop_timeout) +
                           " after the stop signal");
}

void Supervisor::kill_all_of(Managed& managed, const std::string& reason) {
  managed.own_actions.push_back({SIGKILL, reason, parts_.clock->now().boottime});
  if (const Status killed = cgroup::kill_cgroup(*parts_.tree, managed.payload); !killed) {
    ::syscall(SYS_pidfd_send_signal, managed.main_pidfd.get(), SIGKILL, nullptr, 0);
  }
}

void Supervisor::watch_memory_events(Managed& managed) {
  auto watch = cgroup::EventsWatch::open(*parts_.tree, managed.payload, "memory.events");
  if (!watch) return;  // no memory controller: nothing can be OOM-killed by a limit here
  managed.memory_events = std::move(*watch);
  managed.max_events = 0;
  managed.measured.reset();
  managed.largest.clear();
  auto registration =
      parts_.loop->add(managed.memory_events->fd(), EPOLLPRI,
                       [this, &managed](std::uint32_t) { memory_events_changed(managed); });
  if (registration) managed.memory_events_watch = std::move(*registration);
  memory_events_changed(managed);
}

SourceReport Supervisor::memory_events_source() const {
  std::size_t running = 0;
  std::vector<std::string> without;
  for (const auto& [name, managed] : workloads_) {
    if (managed->state != WorkloadState::running) continue;
    ++running;
    if (!managed->memory_events_watch.active()) without.push_back(name);
  }
  if (running == 0) return {SourceState::unused, "no workload runs"};
  if (without.empty()) return {SourceState::live, "of " + std::to_string(running) + " workloads"};
  return {without.size() == running ? SourceState::off : SourceState::limited,
          "not of " + std::to_string(without.size()) + " of " + std::to_string(running) +
              " workloads, of which " + without.front() +
              " is one: it has no memory.events, or it could not be watched"};
}

void Supervisor::memory_events_changed(Managed& managed) {
  if (!managed.memory_events) return;
  const auto text = managed.memory_events->read();
  if (!text) return;
  const auto events = cgroup::parse_memory_events(*text);
  if (!events) return;
  measure_processes(managed, events->max.value_or(0));
  parts_.listener->oom_kills_counted(managed.name(), managed.payload, *events);
}

// The first `max` event comes before the kill; later ones replace what it showed, now and then.
void Supervisor::measure_processes(Managed& managed, std::uint64_t max_events) {
  constexpr Usec kApart{1'000'000};
  if (max_events <= managed.max_events) return;
  managed.max_events = max_events;
  const Usec now = parts_.clock->now().boottime;
  if (managed.measured && now - *managed.measured < kApart) return;
  auto largest = largest_processes(*parts_.tree, managed.payload);
  if (largest.empty()) return;
  managed.measured = now;
  managed.largest = std::move(largest);
}

std::vector<diagnosis::DeathEvidence::ProcessSize> Supervisor::largest_of(
    const std::string& name) const {
  const auto found = workloads_.find(name);
  return found == workloads_.end() ? decltype(Managed::largest){} : found->second->largest;
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
    if (managed->health) summary.health = to_string(managed->health->report().health);
    summary.paused = !managed->payload.empty() && is_frozen(*parts_.tree, managed->payload);
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
    list.push_back({.name = name,
                    .incarnation = managed->note.incarnation,
                    .payload = managed->payload,
                    .main_pid = managed->status ? managed->status->main_pid : -1,
                    .started = managed->status ? managed->status->started : TimePoint{},
                    .workload = &managed->workload});
  }
  return list;
}

}  // namespace cgwarden::agent
