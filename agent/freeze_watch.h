#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/units.h"
#include "cgroup/snapshot.h"

namespace cgwarden::agent {

// Which cgroups began to stand still, or to go on, from one snapshot to the next (cgroup.events
// `frozen`), whoever froze them. Of a frozen subtree only the top.
class FreezeWatch {
 public:
  struct Change {
    std::string path;
    CgroupId id;
    bool frozen = false;
  };
  // What stands still at the first call is no news.
  [[nodiscard]] std::vector<Change> observe(const cgroup::Snapshot& snapshot);

 private:
  std::map<CgroupId, std::string> frozen_;  // the tops, with their paths
  bool first_ = true;
};

}  // namespace cgwarden::agent
