// Daemon: what the bus may ask of it.
#include "agent/daemon.h"
#include "agent/inspect.h"
#include "agent/workload_files.h"

namespace cgwarden::agent {

std::vector<WorkloadSummary> Daemon::list() const { return supervisor_->list(); }

void Daemon::launch(const std::string& yaml, const std::string& origin, Done done) {
  supervisor_->launch(yaml, origin, Supervisor::Asked::by_caller, std::move(done));
}

void Daemon::stop(const std::string& name, const std::string& reason, Done done) {
  supervisor_->stop(name, reason, std::move(done));
}

Status Daemon::kill(const std::string& name, int signal, const std::string& reason) {
  return supervisor_->signal(name, signal, reason);
}

Status Daemon::pause(const std::string& name, bool paused) {
  CGW_TRY(supervisor_->pause(name, paused));
  paused_.erase(name);
  for (const auto& running : supervisor_->running()) {
    if (paused && running.name == name) paused_[name] = running.incarnation;
  }
  return {};
}

void Daemon::remove(const std::string& name, bool force, const std::string& reason, Done done) {
  supervisor_->remove(name, force, reason, std::move(done));
}

Result<std::string> Daemon::inspect(const std::string& name) const {
  for (const auto& summary : supervisor_->list()) {
    if (summary.name != name) continue;
    CGW_ASSIGN(const WorkloadFiles files, read_workload_files(options_.runtime_dir, name));
    return inspect_json(summary, files);
  }
  return fail(Error{ErrorKind::vanished, 0, "inspect", name, "there is no such workload"});
}

}  // namespace cgwarden::agent
