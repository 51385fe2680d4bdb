#include "agent/inspect.h"

#include <nlohmann/json.hpp>

#include <csignal>

#include "agent/oci_spec.h"
#include "agent/policy_source.h"

namespace cgwarden::agent {
namespace {

using Json = nlohmann::json;

constexpr int kInspectVersion = 1;

Json restart_of(const policy::Restart& restart) {
  using enum policy::RestartPolicy;
  Json block{{"policy", restart.policy == always       ? "always"
                        : restart.policy == on_failure ? "on-failure"
                                                       : "no"},
             {"backoff_usec", restart.backoff.count()},
             {"backoff_max_usec", restart.backoff_max.count()}};
  if (restart.max_restarts) block["max_restarts"] = *restart.max_restarts;
  return block;
}

Json workload_of(const policy::Workload& workload) {
  const launcher::Spec spec = compile(workload);
  Json mounts = Json::array();
  for (const auto& mount : workload.mounts) {
    mounts.push_back({{"source", mount.source},
                      {"destination", mount.destination},
                      {"readonly", mount.readonly}});
  }
  return {{"command", workload.command},
          {"rootfs", workload.rootfs},
          {"readonly_rootfs", workload.readonly_rootfs},
          {"cwd", workload.cwd},
          {"uid", workload.uid},
          {"gid", workload.gid},
          {"hostname", spec.hostname},
          {"init", workload.init},
          {"labels", workload.labels},
          {"mounts", std::move(mounts)},
          {"capabilities", spec.process.capabilities.bounding},
          {"seccomp", workload.seccomp_unconfined ? "unconfined" : "default"},
          {"restart", restart_of(workload.restart)},
          {"stop_timeout_usec", workload.stop_timeout.count()}};
}

Json end_of(const launcher::ExitRecord& record) {
  Json end{{"incarnation", record.incarnation},       {"started_usec", record.started.wall.count()},
           {"ended_usec", record.ended.wall.count()}, {"max_rss_bytes", record.max_rss.value},
           {"user_usec", record.user.count()},        {"system_usec", record.system.count()}};
  if (record.launch_error) {
    end["launch_error"] = record.launch_error->sentence();
  } else if (const auto& wait = record.wait ? record.wait : record.init_wait) {
    end[wait->code == CLD_EXITED ? "exit_code" : "signal"] = wait->status;
  }
  return end;
}

}  // namespace

std::string inspect_json(const WorkloadSummary& summary, const WorkloadFiles& files) {
  Json document{{"version", kInspectVersion},   {"name", summary.name},
                {"state", state_word(summary)}, {"incarnation", summary.incarnation},
                {"restarts", summary.restarts}, {"directory", files.directory}};
  if (summary.pid > 0) document["pid"] = summary.pid;
  if (summary.started_wall.count() > 0) document["started_usec"] = summary.started_wall.count();
  if (!summary.cgroup.empty()) document["cgroup"] = summary.cgroup;
  if (!summary.last_verdict.empty()) document["last_verdict"] = summary.last_verdict;
  if (!summary.health.empty()) {
    document["health"] = {{"state", summary.health}};
    if (files.health) {
      document["health"]["failures_in_row"] = files.health->failures_in_row;
      document["health"]["changed_usec"] = files.health->changed_wall.count();
      if (!files.health->output.empty()) document["health"]["output"] = files.health->output;
    }
  }
  if (files.note) {
    document["origin"] = files.note->origin;
    document["supervisor"] = runner_lives(*files.note) ? "foreground" : "agent";
    if (!files.note->stop_reason.empty()) document["stop_reason"] = files.note->stop_reason;
    if (const auto workload = parse_workload(files.note->yaml, files.note->origin)) {
      document["workload"] = workload_of(*workload);
    }
  }
  if (files.exit) document["last_end"] = end_of(*files.exit);
  return document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace cgwarden::agent
