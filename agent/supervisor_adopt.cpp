// Supervisor: what an earlier agent left in the runtime directory.
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <system_error>
#include <utility>

#include "agent/managed.h"
#include "agent/policy_source.h"
#include "agent/supervisor.h"
#include "base/log.h"

namespace cgwarden::agent {

void Supervisor::adopt() {
  const auto names = list_workload_names(options_.runtime_dir);
  if (!names) {
    log::error("adoption_failed", {{"error", names.error().sentence()}});
    return;
  }
  for (const auto& name : *names) adopt_one(name);
}

void Supervisor::adopt_one(const std::string& name) {
  auto files = read_workload_files(options_.runtime_dir, name);
  if (!files || !files->note) {
    log::error("not_adopted",
               {{"workload", name},
                {"error", files ? "its agent.json is missing" : files.error().sentence()}});
    return;
  }
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
        {SIGTERM, managed.note.stop_reason, Usec(managed.note.stop_boottime_usec)});
  }
  const auto& status = files->status;
  if (status && status->incarnation == managed.note.incarnation) {
    managed.status = status;
    managed.payload = status->cgroup;
    managed.scope = std::filesystem::path(status->cgroup).parent_path().string();
  }
  if (files->exit && files->exit->incarnation == managed.note.incarnation && !files->shim_alive) {
    if (parts_.listener->death_is_known(*files->exit)) {
      managed.status.reset();
      clean_cgroups(managed);
      if (managed.note.wanted) start(managed);  // the old agent died in the backoff
      return;
    }
    log::info("death_while_away", {{"workload", name}});
    finish(managed, *files->exit, {});
    return;
  }
  if (managed.status && files->shim_alive) return adopt_running(managed, *managed.status);
  if (managed.status) {  // it ran, its shim is gone, and nobody wrote down how it ended
    shim_ended(managed);
    return;
  }
  if (managed.note.wanted) start(managed);  // the old agent died while starting it
}

void Supervisor::adopt_running(Managed& managed, const launcher::RunningStatus& status) {
  managed.shim.pid = status.shim_pid;
  managed.shim.pidfd = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, status.shim_pid, 0)));
  managed.main_pidfd = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, status.pid, 0)));
  // Between the look at /proc and the pidfd the shim may have ended and its pid been reused: look
  // again.
  const auto start_time = launcher::process_start_time(status.shim_pid);
  if (!managed.shim.pidfd.valid() || !start_time || *start_time != status.shim_start_time) {
    shim_ended(managed);
    return;
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
  log::info("workload_adopted", {{"workload", managed.name()},
                                 {"pid", std::to_string(status.main_pid)},
                                 {"incarnation", std::to_string(status.incarnation)}});
  if (!managed.note.wanted) begin_stop(managed);
}

}  // namespace cgwarden::agent
