#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cgroup/snapshot.h"
#include "cgroup/tree.h"
#include "policy/adapt/kill_candidate.h"
#include "policy/plan.h"

namespace cgwarden::agent {

// Why no policy kills this cgroup as a whole: it is, or holds, something protected (the root and
// the agent's own among that), or the shim of a workload. Empty: it may be killed. Linear in the
// cgroups.
[[nodiscard]] std::string kill_refusal(const cgroup::Snapshot& snapshot, std::string_view path,
                                       const policy::Ownership& owner_of);

// What a kill rule may choose from below a watched cgroup.
struct KillSources {
  policy::Ownership owner_of;
  // As they are now: the sampler reads them too seldom. nullopt: not to be had.
  std::function<std::optional<cgroup::MemoryStat>(const std::string& path)> memory_stat;
  std::function<std::optional<Bytes>(const std::string& path)> swap_current;
  // The marks of `path` count where root or the owner of `watched` has set them.
  std::function<policy::adapt::KillPreference(const std::string& path, const std::string& watched)>
      preference;
  std::function<Bytes(CgroupId id)> average;
};

// The cgroups that are killed as a whole: those without others below them, and those with
// memory.oom.group (cgroup-v2.rst), which nothing in them outlives; `watched` itself where that
// holds of it. Of more than limits::kKillCandidates those with the most memory.
// Those with a kill_refusal() are guarded.
[[nodiscard]] std::vector<policy::adapt::KillCandidate> kill_candidates(
    const cgroup::Snapshot& snapshot, const cgroup::Sample& watched, const KillSources& sources);

// user.oomd_{avoid,omit} of systemd-oomd and {user,trusted}.oomd_{prefer,avoid,omit} of oomd, of
// `path` or else of the nearest one above it and below `watched`. An attribute of the user
// namespace counts where the cgroup belongs to root, or to who owns `watched`: whoever owns a
// cgroup can mark it.
[[nodiscard]] policy::adapt::KillPreference read_kill_preference(const cgroup::Tree& tree,
                                                                 const std::string& path,
                                                                 const std::string& watched);

}  // namespace cgwarden::agent
