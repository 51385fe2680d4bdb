#pragma once

#include <cstdint>
#include <optional>

#include "base/units.h"

namespace cgwarden::policy {

// What a policy may refer to and no cgroup file tells. Absent: not known, and what needs it is
// skipped or silent.
struct NodeFacts {
  std::optional<std::uint64_t> cpus;      // online
  std::optional<Bytes> memory;            // MemTotal
  std::optional<Bytes> swap;              // SwapTotal; 0: there is none
  std::optional<std::uint64_t> pids_max;  // kernel.pid_max
  std::optional<bool> bfq;                // some device has this scheduler
};

}  // namespace cgwarden::policy
