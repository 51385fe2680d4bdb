#pragma once

#include <cstddef>
#include <map>
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
  // Is it found, and to be repaired still?
  [[nodiscard]] bool is_open(const policy::Write& write) const {
    return open_.contains({write.id, write.file});
  }
  // The file has this value, and no other one, since after the snapshot of the last plan.
  void wrote(const policy::Write& write);
  // Is this write of the plan a repair? Also one that was found at an earlier tick and is still to
  // be repaired; not one of another value than then.
  [[nodiscard]] bool is_drift(const policy::Write& write) const;
  // Takes it for one, for a reason from before the first plan.
  void held_before(const policy::Write& write);
  // What became of one of its writes.
  [[nodiscard]] Counts attempted(const policy::Write& write, Attempt attempt);

 private:
  using Knob = std::pair<CgroupId, std::string>;  // control file

  [[nodiscard]] bool was_held(const policy::Write& write) const;

  mutable std::vector<policy::Held> before_;  // in force after the last tick
  mutable bool sorted_ = false;               // before_, by cgroup, from the first question on
  std::vector<policy::Held> now_;
  std::map<Knob, std::string> open_;  // found, not repaired: what it should be
};

}  // namespace cgwarden::agent
