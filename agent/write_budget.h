#pragma once

#include <cstdint>
#include <map>

#include "base/units.h"

namespace cgwarden::agent {

// How often policies may write: so many times a minute into one cgroup, and into all together. What
// was not used is kept for a minute. Pure.
class WriteBudget {
 public:
  WriteBudget(std::uint64_t cgroup_per_minute, std::uint64_t node_per_minute)
      : cgroup_(cgroup_per_minute), node_(node_per_minute) {}

  // Takes one write; false: not now. `now` (CLOCK_BOOTTIME) never goes back.
  [[nodiscard]] bool take(CgroupId id, Usec now);
  // Those that have their whole budget again are forgotten: memory is bounded by the writes of the
  // last minute.
  void forget_rested(Usec now);

 private:
  struct Bucket {
    double left = 0;
    Usec at{0};
  };
  // What is in it by now.
  static double left(const Bucket& bucket, double per_minute, Usec now);

  std::uint64_t cgroup_;
  std::uint64_t node_;
  std::map<CgroupId, Bucket> cgroups_;
  Bucket all_;
  bool begun_ = false;
};

}  // namespace cgwarden::agent
