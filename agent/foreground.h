#pragma once

#include <optional>
#include <string>

#include "agent/options.h"
#include "base/result.h"
#include "diagnosis/verdict.h"

namespace cgwarden::agent {

struct ForegroundRequest {
  std::string yaml;    // one Workload document
  std::string origin;  // its file, for diagnostics; a relative rootfs is taken from its directory
  bool interactive = false;  // stdin is the command's; else it gets /dev/null
  bool terminal = false;     // a terminal of its own, joined to ours; its output is then not logged
  bool remove = false;       // leave nothing of it in the runtime directory
  std::string cgroup_parent;  // a delegated cgroup, "/a/b"; empty: cgwarden.slice
};

struct ForegroundEnd {
  // As a shell's $?: the command's own, 128 + N when signal N ended it; when it could not be
  // started 127 (not found), 126 (not executable), 125 (any other reason).
  int exit_code = 0;
  std::optional<Error> start_error;
  std::optional<diagnosis::Verdict> verdict;  // of the last run
};

// Runs one workload under this process, with no agent: its own shim and cgroups, its restart
// policy, and all of its files in the runtime directory, so that every other command finds it.
// Returns when it has ended for good. Signals that arrive go to the command; after SIGTERM, SIGINT,
// SIGHUP or SIGQUIT it is not restarted, and the third of these kills it. If this process is
// killed, the workload lives on and an agent that starts later takes it over. Errors: nothing was
// started.
[[nodiscard]] Result<ForegroundEnd> run_foreground(const Options& options,
                                                   const ForegroundRequest& request);

}  // namespace cgwarden::agent
