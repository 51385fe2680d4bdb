#pragma once

#include <linux/filter.h>
#include <sys/types.h>

#include <string>
#include <vector>

#include "launcher/launch_step.h"
#include "launcher/seccomp.h"
#include "launcher/spec.h"

namespace cgwarden::launcher {

// linux.seccomp compiled by libseccomp: all actions, errnoRet, architectures, argument comparisons
// and flags. An unknown action, operator, architecture or flag is refused by name (stage
// "seccomp"); an unknown system call name is left out, as the field does. With an ERRNO default,
// calls newer than the profile can know are ENOSYS. `cache_directory` (empty: no cache) keeps
// compiled programs, seccomp_cache.h. `flags` of the result are for load_filter.
[[nodiscard]] StepResult<SeccompFilter> compile_seccomp(const Seccomp& config,
                                                        const std::string& cache_directory);

// The same program before it is made shorter (seccomp_compact.h): what the tests compare it with.
[[nodiscard]] StepResult<std::vector<sock_filter>> seccomp_source_program(const Seccomp& config);

// The container process state of config-linux.md as JSON: "fds": ["seccompFd"], `pid` as the
// runtime sees it, metadata when the profile has some, and `state_json`, the container's state of
// runtime.md, whose ociVersion it takes over.
[[nodiscard]] StepResult<std::string> seccomp_process_state(const Seccomp& config, pid_t pid,
                                                            const std::string& state_json);

// After the filter is loaded with SECCOMP_FILTER_FLAG_NEW_LISTENER: sends that JSON and the
// listener over listenerPath, on a connection of its own. Waits up to 10 s for an agent that is
// busy.
[[nodiscard]] Step send_seccomp_listener(const std::string& listener_path, int listener_fd,
                                         const std::string& process_state_json);

}  // namespace cgwarden::launcher
