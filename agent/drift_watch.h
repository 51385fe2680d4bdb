#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "policy/plan.h"

namespace cgwarden::agent {

// Tells the writes that repair what somebody else changed from those that put a new value in force:
// a write is drift when its cgroup had exactly that value before. Nothing is known of the time
// before the first plan. Holds what the last two plans named.
class DriftWatch {
 public:
  enum class Attempt {
    written,   // the file now has the wanted value
    adjusted,  // the kernel took it and made another value of it
    needless,  // it had the value already: the snapshot was older than the file
    failed,
  };
  struct Counts {
    bool found = false;     // first seen with this write
    bool repaired = false;  // with this write
  };

  // The plan of this tick, before its writes; takes plan.held.
  void planned(policy::Plan& plan);
  // What became of one of its writes.
  [[nodiscard]] Counts attempted(const policy::Write& write, Attempt attempt);

 private:
  using Knob = std::pair<CgroupId, std::string>;  // control file

  [[nodiscard]] bool was_held(const policy::Write& write);

  std::vector<policy::Held> before_;  // in force after the last tick
  bool sorted_ = false;               // before_, by cgroup, from the first question on
  std::vector<policy::Held> now_;
  std::set<Knob> open_;  // found, not repaired
};

}  // namespace cgwarden::agent
