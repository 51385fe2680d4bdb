#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/health.h"
#include "base/result.h"
#include "launcher/state.h"

namespace cgwarden::agent {

// What the agent itself keeps beside the shim's files in <runtime dir>/workloads/<name>/agent.json,
// so that a restarted agent goes on.
struct AgentNote {
  std::string origin;  // file name of the workload's YAML
  std::string yaml;    // its text
  unsigned incarnation = 0;
  std::uint64_t restarts = 0;
  bool wanted = true;       // false once a stop was asked or no restart will follow
  std::string stop_reason;  // why a stop was asked; empty: none
  std::uint64_t stop_boottime_usec = 0;

  // Launched by a caller who waits for the answer, and not yet running: a failure is the caller's,
  // who was told of it, and is not tried again.
  bool unconfirmed = false;
  // The incarnation whose death has been answered by the restart policy; 0: none yet. The same as
  // `incarnation` and `wanted`: it waits for restart_boottime_usec.
  unsigned decided_incarnation = 0;
  std::uint64_t restart_boottime_usec = 0;
  unsigned failures_in_row = 0;  // runs shorter than resetAfter
  unsigned launch_failures_in_row = 0;

  // The incarnation that is ended because its health check failed: whatever its exit status, that
  // is a failure. 0: none.
  unsigned unhealthy_incarnation = 0;

  // Of `incarnation`, written down before its shim is told to go, so that whoever takes over an
  // unfinished start can find it. pid -1 and no scope: not told yet.
  pid_t shim_pid = -1;
  std::uint64_t shim_start_time = 0;
  std::string scope;  // cgroup path

  // Of the launch, for all its restarts: a name may be given to another image meanwhile.
  std::string image;  // id; empty: none
  // The `cgwarden run` that supervises it in the foreground; -1: an agent does. Once that process
  // is gone, an agent takes the workload over.
  pid_t runner_pid = -1;
  std::uint64_t runner_start_time = 0;
};

// All files of one workload. Readable without the agent (`cgwarden why`, `ps`).
struct WorkloadFiles {
  std::string name;
  std::string directory;
  std::optional<AgentNote> note;
  std::optional<launcher::RunningStatus> status;
  std::optional<launcher::ExitRecord> exit;
  std::optional<HealthReport> health;  // of its newest incarnation that had a check
  bool shim_alive = false;             // status' shim_pid lives with the same start time
};

// Does the foreground run that a note names live?
[[nodiscard]] bool runner_lives(const AgentNote& note);

// Environment, last words and output of a workload are for root and the directory's group alone.
inline constexpr mode_t kWorkloadDirectoryMode = 0750;
[[nodiscard]] std::string workload_directory(const std::string& runtime_dir,
                                             const std::string& name);
// vanished: no such workload.
[[nodiscard]] Result<WorkloadFiles> read_workload_files(const std::string& runtime_dir,
                                                        const std::string& name);
// Sorted names of the directories.
[[nodiscard]] Result<std::vector<std::string>> list_workload_names(const std::string& runtime_dir);
// busy while a shim lives that has this workload (shim.lock). An agent that did not adopt it,
// because its agent.json is damaged, must touch nothing of it.
[[nodiscard]] Status no_shim_holds(const std::string& runtime_dir, const std::string& name);
[[nodiscard]] Status write_agent_note(const std::string& runtime_dir, const std::string& name,
                                      const AgentNote& note);
[[nodiscard]] std::string to_json(const AgentNote& note);
[[nodiscard]] Result<AgentNote> parse_agent_note(const std::string& json, const std::string& where);

}  // namespace cgwarden::agent
