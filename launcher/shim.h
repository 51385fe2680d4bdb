#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "launcher/output_log.h"

namespace cgwarden::launcher {

// The shim's command line (state.h).
struct ShimOptions {
  std::string name;
  unsigned incarnation = 0;
  int spec_fd = -1;
  int control_fd = -1;
  std::string state_dir;
  std::string cgroup_root;
  LogSettings log;
  // Of a run in the foreground, whose caller they belong to; -1: none.
  int stdin_fd = -1;   // becomes the command's
  int stdout_fd = -1;  // these two get a copy of what the logs get
  int stderr_fd = -1;
  int console_fd = -1;  // connected AF_UNIX socket that gets the master of process.terminal
};
// invalid, with the option's name, for an unknown, repeated, missing or malformed option.
[[nodiscard]] Result<ShimOptions> parse_shim_options(const std::vector<std::string>& arguments);

// Holds one workload from its start to its recorded end: waits for the go message, takes shim.lock,
// starts the command, answers, keeps its output and writes exit.json. Starts nothing when the agent
// has gone by then, even after its go, nor while another shim has the lock. Returns the exit status
// of the shim: 0 when the end of the workload (or that it could not start) is recorded or the agent
// gave up beforehand, 1 when it could not be recorded.
[[nodiscard]] int run_shim(const ShimOptions& options);

}  // namespace cgwarden::launcher
