// Supervisor: what is asked of a workload beside its stop.
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <system_error>
#include <utility>

#include "agent/freezer.h"
#include "agent/managed.h"
#include "agent/supervisor.h"
#include "base/log.h"
#include "diagnosis/death_case.h"

namespace cgwarden::agent {
namespace {

Error not_running(const char* operation, const std::string& name, bool known) {
  return Error{known ? ErrorKind::invalid : ErrorKind::vanished, 0, operation, name,
               known ? "it is not running" : "there is no such workload"};
}

}  // namespace

void Supervisor::wait(const std::string& name, Control::Done done) {
  const auto found = workloads_.find(name);
  if (found == workloads_.end()) {
    return done(fail(Error{ErrorKind::vanished, 0, "wait for", name, "there is no such workload"}));
  }
  found->second->stop_done.push_back(std::move(done));
}

Status Supervisor::signal(const std::string& name, int number, const std::string& reason) {
  const auto found = workloads_.find(name);
  if (found == workloads_.end() || !found->second->main_pidfd.valid()) {
    return fail(not_running("signal", name, found != workloads_.end()));
  }
  Managed& managed = *found->second;
  // Before the signal: what comes after the death has not caused it.
  const Usec asked = parts_.clock->now().boottime;
  if (::syscall(SYS_pidfd_send_signal, managed.main_pidfd.get(), number, nullptr, 0) != 0) {
    return fail(Error::from_errno(errno, "signal", name));
  }
  managed.own_actions.push_back({number, reason, asked, number == SIGKILL});
  return {};
}

void Supervisor::want_no_more(const std::string& name) {
  const auto found = workloads_.find(name);
  if (found == workloads_.end() || !found->second->note.wanted) return;
  Managed& managed = *found->second;
  managed.note.wanted = false;
  if (managed.state == WorkloadState::backoff) {
    managed.timer = {};
    managed.state = WorkloadState::exited;
  }
  (void)save_note(managed);  // logged
  if (managed.state == WorkloadState::exited && !managed.removal.pending())
    answer_stops(managed, {});
}

void Supervisor::kill_now(const std::string& name, const std::string& reason) {
  const auto found = workloads_.find(name);
  if (found == workloads_.end() || !found->second->main_pidfd.valid()) return;
  kill_all_of(*found->second, reason);
}

void Supervisor::policy_kills(const std::string& cgroup, const diagnosis::OwnAction& kill) {
  for (auto& [name, managed] : workloads_) {
    if (managed->payload.empty() || !managed->main_pidfd.valid()) continue;
    const bool whole = diagnosis::path_is_at_or_below(managed->payload, cgroup);
    if (!whole && !diagnosis::path_is_at_or_below(cgroup, managed->payload)) continue;
    managed->own_actions.push_back(kill);
    managed->own_actions.back().part = !whole;
  }
}

int Supervisor::stop_signal_of(const std::string& name) const {
  const auto found = workloads_.find(name);
  return found == workloads_.end() ? SIGTERM : stop_signal_of(*found->second);
}

int Supervisor::process_of(const std::string& name) const {
  const auto found = workloads_.find(name);
  return found == workloads_.end() ? -1 : found->second->main_pidfd.get();
}

Status Supervisor::pause(const std::string& name, bool paused) {
  const auto found = workloads_.find(name);
  const bool known = found != workloads_.end();
  if (!known || !found->second->main_pidfd.valid()) {
    return fail(not_running(paused ? "pause" : "resume", name, known));
  }
  return set_frozen(*parts_.tree, found->second->payload, paused);
}

void Supervisor::remove(const std::string& name, bool force, const std::string& reason,
                        Control::Done done) {
  const auto found = workloads_.find(name);
  if (found == workloads_.end()) return done(fail(not_running("remove", name, false)));
  const WorkloadState state = found->second->state;
  if (state != WorkloadState::exited && !force) {
    return done(
        fail(Error{ErrorKind::busy, 0, "remove", name,
                   "it is " + std::string(to_string(state)) + "; stop it first, or use --force"}));
  }
  stop(name, reason, [this, name, done = std::move(done)](const Status& gone) mutable {
    if (!gone) return done(gone);
    forget_soon(name, std::move(done));
  });
  kill_now(name, reason);
}

void Supervisor::forget_soon(const std::string& name, Control::Done done) {
  to_forget_.emplace_back(name, std::move(done));
  auto timer = parts_.loop->timer(Usec{0}, Usec{0}, [this] {
    forget_timer_ = {};
    for (auto& [gone, answer] : std::exchange(to_forget_, {})) answer(forget(gone));
  });
  if (timer) forget_timer_ = std::move(*timer);
}

Status Supervisor::forget(const std::string& name) {
  const auto found = workloads_.find(name);
  if (found == workloads_.end()) return {};
  // Launched again meanwhile, or run in the foreground by somebody.
  CGW_TRY(free_to_launch(name, found->second.get()));
  uppers_.discard(name);
  std::error_code error;
  std::filesystem::remove_all(workload_directory(options_.runtime_dir, name), error);
  if (error) {
    return fail(Error::from_errno(error.value(), "remove the files of", name));
  }
  workloads_.erase(found);
  parts_.listener->workload_forgotten(name);
  return {};
}

}  // namespace cgwarden::agent
