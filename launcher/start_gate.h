#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/unique_fd.h"
#include "launcher/launch_step.h"

// Between `create` and `start` the command of a container waits at a Unix socket in the container's
// state directory. Whoever connects and says "go" opens the gate; what goes wrong between then and
// execve(2) comes back over that connection, and its end without a word means success.
namespace cgwarden::launcher {

inline constexpr const char* kGateName = "start.sock";

// Binds and listens below `directory` (an O_PATH fd; the path may be longer than sun_path).
[[nodiscard]] StepResult<UniqueFd> make_gate(int directory);

// In the command, after set_launch_dispositions(): blocks until somebody opens the gate; the
// connection, close-on-exec. Until then a signal that ends a process ends this one.
[[nodiscard]] StepResult<UniqueFd> wait_at_gate(int gate);

// In `start`: opens the gate and waits for the execve(2). nullopt: the command runs. Stage "start"
// when nobody waits there, or the one who did has ended. `listener` as in launch_report.h.
[[nodiscard]] std::optional<LaunchError> open_gate(
    int directory, const std::function<Step(pid_t pid, UniqueFd listener)>& listener);

}  // namespace cgwarden::launcher
