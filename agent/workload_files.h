#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

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
  bool wanted = true;       // false once a stop was asked
  std::string stop_reason;  // why a stop was asked; empty: none
  std::uint64_t stop_boottime_usec = 0;
};

// All files of one workload. Readable without the agent (`cgwarden why`, `ps`).
struct WorkloadFiles {
  std::string name;
  std::string directory;
  std::optional<AgentNote> note;
  std::optional<launcher::RunningStatus> status;
  std::optional<launcher::ExitRecord> exit;
  bool shim_alive = false;  // status' shim_pid lives with the same start time
};

// Environment, last words and output of a workload are for root and the directory's group alone.
inline constexpr mode_t kWorkloadDirectoryMode = 0750;
[[nodiscard]] std::string workload_directory(const std::string& runtime_dir,
                                             const std::string& name);
// vanished: no such workload.
[[nodiscard]] Result<WorkloadFiles> read_workload_files(const std::string& runtime_dir,
                                                        const std::string& name);
// Sorted names of the directories.
[[nodiscard]] Result<std::vector<std::string>> list_workload_names(const std::string& runtime_dir);
[[nodiscard]] Status write_agent_note(const std::string& runtime_dir, const std::string& name,
                                      const AgentNote& note);
[[nodiscard]] std::string to_json(const AgentNote& note);
[[nodiscard]] Result<AgentNote> parse_agent_note(const std::string& json, const std::string& where);

}  // namespace cgwarden::agent
