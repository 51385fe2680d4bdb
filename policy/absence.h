#pragma once

#include <string>

#include "cgroup/snapshot.h"
#include "policy/knob.h"

namespace cgwarden::policy {

// Why the current value of a knob is not in the sample, for a person. `snapshot` (may be null)
// tells which ancestor does not pass the controller on.
[[nodiscard]] std::string explain_absence(const Knob& knob, const cgroup::Sample& sample,
                                          const cgroup::Snapshot* snapshot);

}  // namespace cgwarden::policy
