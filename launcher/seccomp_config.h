#pragma once

#include <string>

#include "launcher/launch_step.h"
#include "launcher/seccomp.h"
#include "launcher/spec.h"

namespace cgwarden::launcher {

// linux.seccomp compiled by libseccomp: all actions, errnoRet, architectures, argument comparisons
// and flags. An unknown action, operator, architecture or flag is refused by name (stage
// "seccomp"); an unknown system call name is left out, as the field does. `cache_directory` (empty:
// no cache) keeps compiled programs by a hash over the profile, the architecture and the library's
// version; an entry is used only when it and its directory belong to the caller and nobody else may
// write them.
[[nodiscard]] StepResult<SeccompFilter> compile_seccomp(const Seccomp& config,
                                                        const std::string& cache_directory);

// After the filter is loaded with SECCOMP_FILTER_FLAG_NEW_LISTENER: sends the listener fd over
// listenerPath with the container process state of config-linux.md ("fds": ["seccompFd"], pid,
// metadata, state).
[[nodiscard]] Step send_seccomp_listener(const std::string& listener_path, int listener_fd,
                                         const std::string& process_state_json);

}  // namespace cgwarden::launcher
