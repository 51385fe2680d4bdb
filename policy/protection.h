#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cgroup/snapshot.h"
#include "policy/plan.h"

namespace cgwarden::policy {

// They are protected whatever the configuration says: PID 1 and the agent as it is packaged.
inline constexpr std::string_view kInitScope = "/init.scope";
inline constexpr std::string_view kAgentUnit = "/system.slice/cgwarden.service";

// Nobody writes it, whatever a policy says: the root, and what is protected.
[[nodiscard]] bool is_protected(const Access& access);

// What is protected below a cgroup, by its name (Access::holds) or in the snapshot, so that nobody
// freezes or kills it; nullopt: nothing. Linear in the cgroups.
[[nodiscard]] std::optional<std::string> held_protected(const cgroup::Snapshot& snapshot,
                                                        std::string_view path,
                                                        const Ownership& owner_of);
// "it holds /system.slice/ssh.service, which is protected".
[[nodiscard]] std::string holding_text(std::string_view held);

// Is `path` below `above`, and not `above` itself?
[[nodiscard]] bool is_below(std::string_view path, std::string_view above);

// The first knob of the policy that takes something away from a cgroup and from all below it
// ("pids.max", "cpu.max" of a loop too); nullopt: it gives and shares out alone.
[[nodiscard]] std::optional<std::string_view> first_limit(const Policy& policy);

// Does it freeze what it matches?
[[nodiscard]] bool freezes(const Policy& policy);

}  // namespace cgwarden::policy
