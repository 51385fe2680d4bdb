#pragma once

#include <cstddef>
#include <functional>
#include <string_view>

#include "base/clock.h"
#include "cgroup/sample_reader.h"
#include "cgroup/snapshot.h"

namespace cgwarden::cgroup {

struct WalkOptions {
  // Which cgroups to sample, by path; empty: all. One not kept is still descended into.
  std::function<bool(std::string_view)> keep;
  // Over this many the rest is only counted.
  std::size_t max_cgroups = 0;
  // Directories below this many levels are not entered; they and their descendants are counted as
  // dropped.
  std::size_t max_depth = 0;
  FileGroups groups{};
};

// Samples the hierarchy below the fd `root`, depth first with one open directory per level. What
// vanishes under way is left out; a cgroup that cannot be opened or listed becomes a Sample with
// nothing but its path and an Unreadable named ".".
[[nodiscard]] Snapshot walk(int root, TimePoint now, const WalkOptions& options,
                            const ReadControlFile& read);

}  // namespace cgwarden::cgroup
