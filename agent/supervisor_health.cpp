// Supervisor: the health checks of running workloads.
#include <utility>

#include "agent/managed.h"
#include "agent/supervisor.h"
#include "base/file.h"
#include "base/log.h"

namespace cgwarden::agent {

void Supervisor::watch_health(Managed& managed, std::optional<HealthReport> known) {
  if (!managed.workload.health || !managed.status) return;
  HealthReport report;
  report.incarnation = managed.note.incarnation;
  report.changed_wall = parts_.clock->now().wall;
  if (known && known->incarnation == report.incarnation) report = std::move(*known);
  managed.health = std::make_unique<HealthMonitor>(
      HealthMonitor::Parts{.loop = parts_.loop, .clock = parts_.clock, .tree = parts_.tree},
      HealthMonitor::Target{.name = managed.name(),
                            .incarnation = managed.note.incarnation,
                            .started_boottime = managed.status->started.boottime,
                            .shim = options_.shim,
                            .state_dir = workload_directory(options_.runtime_dir, managed.name()),
                            .payload = managed.payload},
      *managed.workload.health, report,
      [this, &managed](const HealthReport& news) { health_changed(managed, news); });
  if (const Status started = managed.health->start(); !started) {
    log::error("health_check_off",
               {{"workload", managed.name()}, {"error", started.error().sentence()}});
  }
  health_changed(managed, report);
}

void Supervisor::health_changed(Managed& managed, const HealthReport& report) {
  const std::string file =
      workload_directory(options_.runtime_dir, managed.name()) + "/health.json";
  if (const Status kept = write_file_atomically(file, to_json(report), launcher::kStateFileMode);
      !kept) {
    log::error("state_not_saved",
               {{"workload", managed.name()}, {"error", kept.error().sentence()}});
  }
  if (report.health == Health::starting) return;
  const bool bad = report.health == Health::unhealthy;
  if (bad || report.failures_in_row == 0) {
    log::event(bad ? log::Level::warning : log::Level::info, "workload_health",
               {{"workload", managed.name()},
                {"health", std::string(to_string(report.health))},
                {"failures_in_row", std::to_string(report.failures_in_row)},
                {"output", report.output}});
  }
  if (!bad || !managed.workload.health->restart || managed.state != WorkloadState::running) return;
  managed.note.unhealthy_incarnation = managed.note.incarnation;
  (void)save_note(managed);  // logged
  begin_stop(managed, "health check failed " + std::to_string(report.failures_in_row) +
                          " times in a row" + (report.output.empty() ? "" : ": " + report.output));
}

std::optional<Health> Supervisor::health_of(const std::string& name) const {
  const auto found = workloads_.find(name);
  if (found == workloads_.end() || !found->second->health) return std::nullopt;
  return found->second->health->report().health;
}

}  // namespace cgwarden::agent
