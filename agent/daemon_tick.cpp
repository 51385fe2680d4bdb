// Daemon: what happens once per interval, and at a death.
#include <algorithm>
#include <csignal>
#include <iterator>
#include <limits>
#include <utility>

#include "agent/daemon.h"
#include "agent/incident.h"
#include "agent/process_lookup.h"
#include "base/log.h"
#include "diagnosis/diagnose.h"

namespace cgwarden::agent {
namespace {

// Counters survive an agent's kill -9 up to this age; a death, and a unit's or container's start or
// OOM kill, saves at once.
constexpr std::uint64_t kTicksBetweenSaves = 30;

// What it counted up to its death, also when no agent was there to see it.
KernelCounts last_counts(const diagnosis::CgroupEvidence& payload) {
  KernelCounts counts;
  counts.id = payload.id;
  if (payload.after.cpu_stat) counts.throttled_usec = payload.after.cpu_stat->throttled_usec;
  if (payload.after.memory_events) {
    counts.high = payload.after.memory_events->high;
    counts.oom_kill = payload.after.memory_events->oom_kill;
    counts.oom_group_kill = payload.after.memory_events->oom_group_kill;
  }
  return counts;
}

}  // namespace

void Daemon::see_newest(const cgroup::Snapshot& snapshot) {
  if (!kernel_log_) return;
  CgroupId newest;
  for (const auto& sample : snapshot.samples()) newest = std::max(newest, sample.id);
  kernel_log_->refused_fork_book().seen(newest);
}

// A new cgroup waits for its limits while this runs: between its parts it is looked for.
void Daemon::sampled(const std::shared_ptr<const cgroup::Snapshot>& snapshot) {
  const auto part = [this](const auto& work) {
    work();
    sampling_->look_for_changes();
  };
  select_cgroups(policies_, snapshot->samples());
  auto policies = effective_policies();
  const TimePoint taken = snapshot->taken();
  see_newest(*snapshot);
  part([&] { adapt(*snapshot, policies); });
  part([&] { enforcer_->enforce(*snapshot, policies, [this] { sampling_->look_for_changes(); }); });
  part([&] { observe_workloads(*snapshot, taken); });
  part([&] { self_metrics_.identity_errors(identification_.observe(*snapshot, taken)); });
  part([&] { memory_events_watch_->observe(*snapshot, *identification_.table()); });
  part([&] {
    if (foreign_deaths_) foreign_deaths_->observe(*snapshot, *identification_.table());
  });
  part([&] { observe_foreign_stalls(*snapshot); });
  part([&] {
    self_metrics_.subjects_dropped(subjects_.observe(*snapshot, *identification_.table(), taken));
  });
  part([&] { record(*snapshot); });
  last_snapshot_ = snapshot;
  part([&] { pressure_watch_->update(*snapshot, policies_); });
  part([&] { observe_events(*snapshot); });
  part([&] { observe_ends(*snapshot); });
  part([&] { store_waiting_verdicts(); });
  if (kernel_log_ && kernel_log_->lost_records() > kernel_log_lost_) {
    self_metrics_.kmsg_lost(kernel_log_->lost_records() - kernel_log_lost_);
    kernel_log_lost_ = kernel_log_->lost_records();
    kernel_log_lost_at_ = taken.boottime;
  }
  // Before anybody can scrape them: a counter that falls with the agent is worse than a late one.
  if (subjects_.due(taken)) part([&] { save_subjects(); });
  publish_sources();
  supervisor_->forget_finished();
  supervisor_->measure_uppers();
  part([&] { publish(snapshot); });
  if (++ticks_ % kTicksBetweenSaves == 0) save_counters();
  adapted_policies_ = std::move(policies);
}

cgroup::Snapshot Daemon::with_those_above(const cgroup::SampleList& cgroups) const {
  std::map<std::string, cgroup::SampleList::Shared, std::less<>> around;
  for (const auto& sample : cgroups.shared()) around.insert_or_assign(sample->path, sample);
  for (const auto& sample : cgroups) {
    std::string_view path = cgroup::parent_path(sample.path);
    for (; !path.empty(); path = cgroup::parent_path(path)) {
      const auto* above = last_snapshot_ ? last_snapshot_->find(path) : nullptr;
      if (above == nullptr || around.contains(path)) continue;
      around.emplace(path, std::shared_ptr<const cgroup::Sample>(last_snapshot_, above));
    }
  }
  std::vector<cgroup::SampleList::Shared> samples;
  for (const auto& [path, sample] : around) samples.push_back(sample);
  return {clock_.now(), cgroup::SampleList(std::move(samples)), 0, {}, 0, {}, {}};
}

// A tick may be nearly a second away, and a workload's own limits stand before it starts.
void Daemon::arrived(const cgroup::SampleList& cgroups) {
  const cgroup::Snapshot snapshot = with_those_above(cgroups);
  auto policies = policies_;
  select_cgroups(policies, snapshot.samples());
  // They begin with the next tick, with what the cgroup has then.
  for (auto& policy : policies) policy.loops_elsewhere = true;
  enforcer_->enforce_arrived(cgroups, snapshot, policies);
}

void Daemon::record(const cgroup::Snapshot& snapshot) {
  if (!recorder_) return;
  recorder_->record(snapshot, *identification_.table());
  const Recorder::Counts counts = recorder_->counts();
  self_metrics_.recorder({counts.stored, counts.dropped_by_cap, counts.dropped_by_ring,
                          counts.dropped_by_disk, counts.bytes});
}

// The directory's policies and, below them all, each workload's own resources: one engine repairs
// both, and a policy wins.
std::vector<policy::Policy> Daemon::effective_policies() const {
  std::vector<policy::Policy> policies = policies_;
  for (const auto& running : supervisor_->running()) {
    if (running.workload->resources.empty()) continue;
    policy::Policy own;
    own.name = "workload/" + running.name;
    own.position = running.workload->position;
    own.cgroups = {running.payload};
    own.priority = std::numeric_limits<int>::min();
    own.resources = running.workload->resources;
    policies.push_back(std::move(own));
  }
  return policies;
}

// What the counters of a living workload do not say.
StallWatch::Process Daemon::look_at(const Supervisor::Running& running,
                                    const cgroup::Sample& payload) {
  StallWatch::Process process;
  const pid_t main_pid = running.main_pid;
  process.main_pid = main_pid;
  process.devices = *identification_.device_names();
  const auto paused = paused_.find(running.name);
  if (paused != paused_.end() && paused->second == running.incarnation) {
    process.frozen_by = "cgwarden, as asked by `cgwarden pause`";
  }
  const auto& memory = payload.memory_pressure;
  if (memory && memory->full && memory->full->avg10 >= StallWatch::kSignPercent) {
    process.over_high = held_over_high(tree_, payload.path);
  }
  if (main_pid <= 0) return process;
  process.state = state_of_process(main_pid);
  // What stopped it may have come after the snapshot was taken.
  const Usec now = clock_.now().boottime;
  if (process.state == 'T' && senders_) {
    process.signals = senders_->of({main_pid}, Usec{0}, now);
  }
  if (payload.memory_events && payload.memory_events->oom_kill.value_or(0) > 0) {
    process.oom_records = recent_kills(now);
  }
  return process;
}

std::vector<diagnosis::OomRecord> Daemon::recent_kills(Usec now) const {
  constexpr Usec kRecent{30'000'000};
  if (!kernel_log_) return {};
  return kernel_log_->between(now - std::min(now, kRecent), now).kills;
}

// Of one that this agent started nobody has told yet, however late its first tick is.
std::optional<TimePoint> Daemon::born(const Supervisor::Running& running) const {
  const Usec began = began_.boottime - std::min(began_.boottime, StallWatch::kWindow);
  return running.started && running.started->boottime >= began ? running.started : std::nullopt;
}

void Daemon::observe_workloads(const cgroup::Snapshot& snapshot, TimePoint now) {
  std::vector<diagnosis::Verdict> stalls;
  for (const auto& running : supervisor_->running()) {
    const cgroup::Sample* payload = snapshot.find(running.payload);
    if (payload == nullptr) continue;
    count_kernel(running.name, counts_of(*payload));
    auto found = stall_watch_.observe({.name = running.name,
                                       .incarnation = running.incarnation,
                                       .cgroup = running.payload,
                                       .born = born(running),
                                       .before = last_snapshot_.get()},
                                      now, snapshot, look_at(running, *payload));
    if (auto throttled =
            throttle_watch_.observe(running.name, running.incarnation, snapshot, running.payload)) {
      found.push_back(std::move(*throttled));
    }
    std::ranges::move(found, std::back_inserter(stalls));
  }
  // Whoever follows the log asks `why` next, which reads the store.
  store_verdicts(stalls);
  for (const auto& verdict : stalls) {
    log::event(verdict.over ? log::Level::info : log::Level::warning,
               verdict.over ? "workload_goes_on" : "workload_stalled",
               {{"workload", verdict.workload},
                {"verdict", std::string(to_string(verdict.verdict))},
                {"answer", verdict.answer}});
  }
}

void Daemon::observe_foreign_stalls(const cgroup::Snapshot& snapshot) {
  const auto stalls = foreign_stalls_.observe(
      snapshot, last_snapshot_.get(), *identification_.table(), *identification_.device_names(),
      [this](CgroupId id) { return foreign_deaths_ ? foreign_deaths_->run_of(id) : ForeignRun(); },
      [this, now = snapshot.taken().boottime] { return recent_kills(now); });
  store_verdicts(stalls);
  for (const auto& verdict : stalls) {
    log::event(verdict.over ? log::Level::info : log::Level::warning,
               verdict.over ? "foreign_goes_on" : "foreign_stalled",
               {{"name", verdict.workload},
                {"verdict", std::string(to_string(verdict.verdict))},
                {"answer", verdict.answer}});
  }
}

void Daemon::count_kernel(const std::string& name, const KernelCounts& counts) {
  const std::uint64_t fresh = counters_.observe(name, counts);
  if (fresh > 0) log::warning("oom_kill", {{"workload", name}, {"count", std::to_string(fresh)}});
}

void Daemon::publish(std::shared_ptr<const cgroup::Snapshot> snapshot) {
  const auto running = supervisor_->running();
  self_metrics_.workloads_running(running.size());
  if (!endpoint_) return;
  auto view = std::make_shared<exporters::View>();
  view->snapshot = std::move(snapshot);
  view->workloads = counters_.all();
  counters_.shown_next(view->snapshot->sequence() + 1);
  for (auto& counters : view->workloads) {
    counters.labels = supervisor_->labels_of(counters.workload);
    if (const auto use = supervisor_->upper_use().of(counters.workload)) {
      counters.upper_bytes = use->value;
    }
    if (const auto health = supervisor_->health_of(counters.workload)) {
      counters.healthy = *health == Health::healthy;
    }
  }
  for (const auto& workload : running) view->workload_of_cgroup[workload.payload] = workload.name;
  // The last values of one that died are the last ones of the same series.
  const auto shown = [&](const std::string& path) {
    return view->snapshot->find(path) != nullptr ||
           std::ranges::any_of(view->snapshot->gone(),
                               [&](const auto& sample) { return sample.path == path; });
  };
  for (const auto& [path, name] : workload_of_cgroup_) {
    if (!view->workload_of_cgroup.contains(path) && shown(path)) {
      view->workload_of_cgroup.emplace(path, name);
    }
  }
  workload_of_cgroup_ = view->workload_of_cgroup;
  identification_.show_in(*view);
  view->subjects = subjects_.all(clock_.now());
  view->groups = options_.export_groups;
  endpoint_->publish(std::move(view));
}

// Every few seconds while a disk is full or read-only: said once.
void Daemon::counters_stored(const Status& stored) {
  const std::string fault = stored ? std::string() : stored.error().sentence();
  if (!stored) self_metrics_.store_error();
  if (!stored && fault != said_counters_fault_) {
    log::error("counters_not_stored", {{"error", fault}});
  }
  said_counters_fault_ = fault;
}

void Daemon::save_counters() {
  const Status saved = counters_.save(store_);
  const Status subjects = subjects_.save(store_, clock_.now());
  counters_stored(saved ? subjects : saved);
}

void Daemon::save_subjects() { counters_stored(subjects_.save(store_, clock_.now())); }

void Daemon::forget_counters(const std::string& name) {
  counters_stored(counters_.forget(name, store_));
}

// After a reboot nothing else remembers the one-shot workloads of before it.
void Daemon::forget_strange_counters() {
  if (!supervisor_->keeps()) return;  // a refused file of the directory may be one of them
  for (const auto& counters : counters_.all()) {
    if (!supervisor_->knows(counters.workload)) forget_counters(counters.workload);
  }
}

void Daemon::workload_forgotten(const std::string& name) {
  forget_counters(name);
  paused_.erase(name);
}

void Daemon::workload_known(const std::string& name) { counters_.born(name); }

void Daemon::workload_started(const std::string& name) {
  counters_.started(name);
  counters_.set_running(name, true);
  throttle_watch_.forget(name);
  stall_watch_.forget(name);
  // It may have ended by the next tick.
  for (const auto& running : supervisor_->running()) {
    if (running.name == name) workload_of_cgroup_[running.payload] = name;
  }
}

bool Daemon::death_is_known(const launcher::ExitRecord& record) {
  if (verdicts_.has_death(record.name, record.incarnation, record.ended.wall)) return true;
  const auto known = store_.has_death(record.name, record.incarnation, record.ended.wall);
  return known && *known;
}

diagnosis::Verdict Daemon::workload_died(const launcher::ExitRecord& record,
                                         std::vector<diagnosis::OwnAction> own_actions,
                                         std::vector<std::string> lost) {
  const KernelLogExtract log = kernel_log_of(record.started, record.ended);
  auto evidence = evidence_of(record, log, std::move(own_actions), std::move(lost));
  if (senders_) add_signals(*senders_, evidence);
  add_policy_writes(evidence);
  evidence.before_death = supervisor_->largest_of(record.name);
  evidence.agent_was_away = adopting_;
  const diagnosis::Verdict verdict = diagnosis::diagnose(evidence);
  if (!evidence.cgroups.empty()) count_kernel(record.name, last_counts(evidence.cgroups.front()));
  counters_.died(verdict);
  counters_.set_running(record.name, false);
  throttle_watch_.forget(record.name);
  stall_watch_.forget(record.name);
  store_death(verdict);
  announce_death(verdict, evidence.cgroups.empty() ? "" : evidence.cgroups.front().path);
  // A power cut loses the ring, and these are the minutes that matter; nobody waits for them.
  if (recorder_) recorder_->drain(clock_.now());
  return verdict;
}

void Daemon::workload_restarting(const std::string& name, const std::string& reason) {
  counters_.restarted(name, reason);
}

void Daemon::oom_kills_counted(const std::string& name, const std::string& payload,
                               const cgroup::MemoryEvents& events) {
  const auto id = tree_.id_of(payload);
  if (!id) return;  // the shim's record has the last count
  KernelCounts counts;
  counts.id = *id;
  counts.oom_kill = events.oom_kill;
  counts.oom_group_kill = events.oom_group_kill;
  count_kernel(name, counts);
}

}  // namespace cgwarden::agent
