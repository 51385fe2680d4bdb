#pragma once

#include <string>

#include "base/result.h"
#include "cgroup/tree.h"

namespace cgwarden::agent {

// cgroup.freeze (cgroup-v2.rst, 5.2): asks for it; the processes stand still once cgroup.events
// says "frozen 1".
[[nodiscard]] Status set_frozen(const cgroup::Tree& tree, const std::string& cgroup, bool frozen);

// Whether it has been asked for; false when the cgroup is gone.
[[nodiscard]] bool is_frozen(const cgroup::Tree& tree, const std::string& cgroup);

}  // namespace cgwarden::agent
