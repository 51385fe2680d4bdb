#pragma once

#include <string>

#include "base/unique_fd.h"
#include "launcher/launch_step.h"

namespace cgwarden::launcher::oci {

// --pidfd-socket of create, run and exec, as runc has it: whoever listens at the AF_UNIX socket
// gets a pidfd of the new process (SCM_RIGHTS), with the word "standard" for a container's first
// process and "setns" for one of `exec`.
class PidfdSocket {
 public:
  // Before the launch; nothing without a path. Stage "pidfd".
  [[nodiscard]] Step connect(const std::string& path);
  // Once; does nothing when there was no path.
  [[nodiscard]] Step send(const UniqueFd& pidfd, const std::string& word);
  // The connection; -1 without one.
  [[nodiscard]] int get() const { return socket_.get(); }

 private:
  UniqueFd socket_;
};

}  // namespace cgwarden::launcher::oci
