#pragma once

#include <string>

#include "policy/workload.h"

namespace cgwarden::agent {

// What a stop begins with: the workload's stopSignal, else that of its image, else SIGTERM. `image`
// is the id that its launch has pinned (empty: none), kept below `state_dir`; one that cannot be
// read counts as one without a StopSignal, and the log says so.
[[nodiscard]] int stop_signal(const policy::Workload& workload, const std::string& image,
                              const std::string& state_dir);

}  // namespace cgwarden::agent
