#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "launcher/output_log.h"

namespace cgwarden::agent {

// A started cgwarden-shim, not yet told where to start the command (launcher/state.h has its
// protocol). It is a session of its own and does not end with us.
struct ShimProcess {
  pid_t pid = -1;
  UniqueFd pidfd;
  UniqueFd control;  // SOCK_SEQPACKET, not blocking; closing it before the go message makes the
                     // shim give up

  // SIGKILL and the wait for its end, for a child of ours that nothing will watch.
  void kill_and_reap();
};

// What a run in the foreground lends its shim; borrowed, -1: none (launcher/shim.h).
struct ForegroundFds {
  int stdin_fd = -1;
  int stdout_fd = -1;
  int stderr_fd = -1;
  int console_fd = -1;
};

struct ShimRequest {
  std::string executable;
  std::string name;
  unsigned incarnation = 0;
  std::string config_json;  // the OCI spec, handed over in a memfd
  std::string state_dir;
  std::string cgroup_root;
  launcher::LogSettings log = {};
  ForegroundFds foreground = {};
};

// posix_spawn(3): nothing of ours runs between fork and exec.
[[nodiscard]] Result<ShimProcess> start_shim(const ShimRequest& request);

// A pidfd of the process that had this pid and start time (launcher::process_start_time) when both
// were written down; vanished when it is gone, whoever has its pid now. A record without a start
// time, of an earlier version, is taken at its pid.
[[nodiscard]] Result<UniqueFd> open_process(pid_t pid, std::optional<std::uint64_t> start_time);

// cgwarden-shim beside this executable, in ../launcher of a build tree, or in ../libexec/cgwarden
// of an installation.
[[nodiscard]] Result<std::string> find_shim();

}  // namespace cgwarden::agent
