// Supervisor: what an earlier agent left in the runtime directory.
#include <sys/epoll.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <utility>

#include "agent/incident.h"
#include "agent/managed.h"
#include "agent/policy_source.h"
#include "agent/supervisor.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/text.h"
#include "diagnosis/diagnose.h"

namespace cgwarden::agent {
namespace {

// The shim writes status.json once; 100 ms are soon enough and cost nothing.
constexpr Usec kLookInterval{100'000};

// The scope that a shim was put into before anybody could write that down; empty: none.
std::string scope_of(pid_t shim, const std::string& name) {
  const auto text =
      read_file("/proc/" + std::to_string(shim) + "/cgroup", limits::kControlFileBytes);
  if (!text || !text->starts_with("0::")) return {};
  const std::string unit = "/" + name + ".scope";
  const std::string path = std::string(trim(text->substr(3))) + "/";
  const std::size_t found = path.find(unit + "/");
  return found == std::string::npos ? std::string() : path.substr(0, found + unit.size());
}

}  // namespace

void Supervisor::adopt() {
  const auto names = list_workload_names(options_.runtime_dir);
  if (!names) {
    log::error("adoption_failed", {{"error", names.error().sentence()}});
    return;
  }
  for (const auto& name : *names) adopt_one(name);
  network_sweep_.start();
  // Of workloads that an earlier agent forgot half, or that a reboot ended.
  uppers_.discard_all_but({names->begin(), names->end()});
}

void Supervisor::adopt_one(const std::string& name) {
  auto files = read_workload_files(options_.runtime_dir, name);
  if (!files || !files->note) {
    log::error("not_adopted",
               {{"workload", name},
                {"error", files ? "its agent.json is missing" : files.error().sentence()}});
    return;
  }
  if (runner_lives(*files->note)) return;  // it has its supervisor
  auto workload = parse_workload(files->note->yaml, files->note->origin);
  if (!workload) {
    log::error("not_adopted", {{"workload", name}, {"error", workload.error().sentence()}});
    return;
  }
  auto owned = std::make_unique<Managed>();
  Managed& managed = *owned;
  managed.workload = std::move(*workload);
  managed.note = *files->note;
  workloads_[name] = std::move(owned);
  parts_.listener->workload_known(name);
  if (!managed.note.stop_reason.empty() && !managed.note.wanted) {
    managed.own_actions.push_back(
        {stop_signal_of(managed), managed.note.stop_reason, Usec(managed.note.stop_boottime_usec)});
  }
  managed.scope = managed.note.scope;
  const auto& status = files->status;
  if (status && status->incarnation == managed.note.incarnation) {
    managed.status = status;
    managed.payload = status->cgroup;
    managed.scope = std::filesystem::path(status->cgroup).parent_path().string();
  }
  if (files->exit && files->exit->incarnation == managed.note.incarnation && !files->shim_alive) {
    return adopt_dead(managed, *files->exit);
  }
  if (managed.status && files->shim_alive) return adopt_running(managed, *managed.status);
  if (managed.status) {  // it ran, its shim is gone, and nobody wrote down how it ended
    shim_ended(managed);
    return;
  }
  adopt_unfinished(managed);
}

void Supervisor::adopt_dead(Managed& managed, const launcher::ExitRecord& record) {
  const End end{.record = record, .lost = {}, .made_up = false};
  managed.ended = record.ended.boottime;
  if (managed.note.decided_incarnation == managed.note.incarnation) {
    managed.status.reset();
    // What has gone is not looked for again: a unit of its name may be somebody else's by now.
    if (!parts_.tree->open_cgroup(managed.scope)) managed.scope.clear();
    clean_cgroups(managed);
    if (!managed.note.wanted) return;
    const Usec at{managed.note.restart_boottime_usec};  // the old agent died in the backoff
    return restart_later(managed, at - std::min(at, parts_.clock->now().boottime));
  }
  if (parts_.listener->death_is_known(record)) {  // but what follows from it was not yet decided
    clean_cgroups(managed);
    const auto verdict = diagnosis::diagnose(evidence_of(record, {}, {}, {}));
    return settle(managed, record, verdict.verdict);
  }
  log::info("death_while_away", {{"workload", managed.name()}});
  std::vector<std::string> lost;
  if (end.unknown()) lost.emplace_back("the shim (cgwarden-shim) recorded no exit status");
  finish(managed, record, std::move(lost));
}

// A start of which nothing is on record: its shim waits for an agent that is gone, is starting the
// command just now, or has given up.
void Supervisor::adopt_unfinished(Managed& managed) {
  if (!managed.scope.empty()) managed.payload = managed.scope + "/payload";
  if (managed.note.decided_incarnation == managed.note.incarnation) {  // its record was not kept
    clean_cgroups(managed);
    if (managed.note.wanted) start(managed);
    return;
  }
  if (managed.note.shim_pid <= 0) return start_over(managed);
  auto shim = open_process(managed.note.shim_pid, managed.note.shim_start_time);
  if (!shim) return start_over(managed);
  managed.shim.pid = managed.note.shim_pid;
  managed.shim.pidfd = std::move(*shim);
  if (managed.scope.empty()) managed.scope = scope_of(managed.shim.pid, managed.name());
  managed.state = WorkloadState::starting;
  managed.taken_over_start = true;
  managed.start_deadline = parts_.clock->now().boottime + kStartTimeout;
  log::info("start_taken_over",
            {{"workload", managed.name()}, {"shim", std::to_string(managed.shim.pid)}});
  auto watch = parts_.loop->add(managed.shim.pidfd.get(), EPOLLIN,
                                [this, &managed](std::uint32_t) { shim_ended(managed); });
  auto timer = parts_.loop->timer(kLookInterval, kLookInterval,
                                  [this, &managed] { look_for_status(managed); });
  if (!watch || !timer) {
    return start_failed(managed, watch ? timer.error() : watch.error());
  }
  managed.shim_watch = std::move(*watch);
  managed.timer = std::move(*timer);
}

void Supervisor::look_for_status(Managed& managed) {
  const auto files = read_workload_files(options_.runtime_dir, managed.name());
  if (files && files->status && files->status->incarnation == managed.note.incarnation) {
    managed.taken_over_start = false;
    managed.timer = {};
    managed.status = files->status;
    managed.payload = files->status->cgroup;
    return adopt_running(managed, *files->status);
  }
  if (parts_.clock->now().boottime < managed.start_deadline) return;
  start_failed(managed, Error{ErrorKind::io, 0, "start", managed.name(),
                              "the shim of an earlier agent did not start it in " +
                                  human_duration(kStartTimeout)});
}

// Nothing of this incarnation runs, or what does is killed first.
void Supervisor::start_over(Managed& managed) {
  managed.shim = {};
  managed.start_error.reset();
  managed.state = WorkloadState::exited;
  clean_cgroups(managed);
  // Who asked for it has lost the agent and with it the answer: to them it failed.
  if (std::exchange(managed.note.unconfirmed, false)) managed.note.wanted = false;
  if (managed.note.wanted) return start(managed);
  managed.note.decided_incarnation = managed.note.incarnation;
  (void)save_note(managed);
  if (!managed.removal.pending()) answer_stops(managed, {});
}

void Supervisor::adopt_running(Managed& managed, const launcher::RunningStatus& status) {
  managed.shim.pid = status.shim_pid;
  auto shim = open_process(status.shim_pid, status.shim_start_time);
  if (!shim) return shim_ended(managed);
  managed.shim.pidfd = std::move(*shim);
  if (auto main = open_process(status.pid, status.pid_start_time)) {
    managed.main_pidfd = std::move(*main);
  }
  managed.state = WorkloadState::running;
  auto watch = parts_.loop->add(managed.shim.pidfd.get(), EPOLLIN,
                                [this, &managed](std::uint32_t) { shim_ended(managed); });
  if (!watch) {
    log::error("not_adopted", {{"workload", managed.name()}, {"error", watch.error().sentence()}});
    return;
  }
  managed.shim_watch = std::move(*watch);
  watch_memory_events(managed);
  const auto files = read_workload_files(options_.runtime_dir, managed.name());
  watch_health(managed, files ? files->health : std::nullopt);
  if (std::exchange(managed.note.unconfirmed, false)) (void)save_note(managed);
  log::info("workload_adopted", {{"workload", managed.name()},
                                 {"pid", std::to_string(status.main_pid)},
                                 {"incarnation", std::to_string(status.incarnation)}});
  if (!managed.note.wanted) begin_stop(managed, managed.note.stop_reason);
}

}  // namespace cgwarden::agent
