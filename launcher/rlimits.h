#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "launcher/launch_step.h"
#include "launcher/spec.h"

namespace cgwarden::launcher {

// RLIMIT_* number of getrlimit(2); -1 for an unknown name.
[[nodiscard]] int rlimit_number(const std::string& name);
[[nodiscard]] Step set_rlimits(const Process& process);
// /proc/PID/oom_score_adj (proc(5)) of the caller or, with `of`, of his child. Lowering it below
// what a privileged process has last set, which children inherit, needs CAP_SYS_RESOURCE on the
// host.
[[nodiscard]] Step set_oom_score_adj(const Process& process, pid_t of = 0);

// While alive the soft limit of open files (RLIMIT_NOFILE) of this process leaves room for `more`
// than are usual, as far as the hard limit allows.
class RoomForFiles {
 public:
  RoomForFiles() = default;
  explicit RoomForFiles(std::size_t more);
  RoomForFiles(RoomForFiles&& other) noexcept : before_(std::exchange(other.before_, {})) {}
  RoomForFiles& operator=(RoomForFiles&& other) noexcept;
  RoomForFiles(const RoomForFiles&) = delete;
  RoomForFiles& operator=(const RoomForFiles&) = delete;
  ~RoomForFiles() { give_back(); }
  // Before the end of its life: in a child, which inherits the limit.
  void give_back();

 private:
  std::optional<rlim_t> before_;
};

}  // namespace cgwarden::launcher
