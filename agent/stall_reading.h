#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "cgroup/tree.h"
#include "diagnosis/stall.h"

namespace cgwarden::agent {

// The files by which a stall is judged, of one cgroup and of this moment: `after`, `flow_after` and
// the limits. nullopt: it is gone. Some fifteen files, so only for who may be stalled: their tiers
// in a snapshot are of different ages.
using ReadStall = std::function<std::optional<diagnosis::StallCgroup>(std::string_view path)>;

[[nodiscard]] std::optional<diagnosis::StallCgroup> read_stall_cgroup(const cgroup::Tree& tree,
                                                                      const Clock& clock,
                                                                      std::string_view path);

// How many of the processes of a cgroup (limits::kProcessesMeasured of them at most) wait in the
// kernel's mem_cgroup_handle_over_high; nullopt: none could be looked at.
[[nodiscard]] std::optional<std::size_t> held_over_high(const cgroup::Tree& tree,
                                                        std::string_view path);

}  // namespace cgwarden::agent
