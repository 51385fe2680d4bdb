#pragma once

#include <string>
#include <string_view>

#include "cgroup/snapshot.h"
#include "policy/knob.h"

namespace cgwarden::policy {

struct Absence {
  std::string reason;
  std::string_view rule{};  // of lint_rules.h; may be empty
};

// Why the current value of a knob is not in the sample, for a person. `snapshot` (may be null)
// tells which ancestor does not pass the controller on.
[[nodiscard]] Absence explain_absence(const Knob& knob, const cgroup::Sample& sample,
                                      const cgroup::Snapshot* snapshot);

}  // namespace cgwarden::policy
