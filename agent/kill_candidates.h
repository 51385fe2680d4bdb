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
// Protected ones, and what holds one, are guarded; so is the shim of a workload.
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
