#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "cgroup/samples.h"

namespace cgwarden::cgroup {

// All samples of one tick. Immutable once built; samples are sorted by path, so a parent stands
// before its children.
class Snapshot {
 public:
  Snapshot() = default;
  // Sorts `samples` by path. `dropped` counts cgroups that exist but were left out by a limit.
  Snapshot(TimePoint taken, std::vector<Sample> samples, std::size_t dropped = 0);

  [[nodiscard]] TimePoint taken() const { return taken_; }
  [[nodiscard]] const std::vector<Sample>& samples() const { return samples_; }
  [[nodiscard]] std::size_t dropped() const { return dropped_; }

  // nullptr when there is none. O(log n).
  [[nodiscard]] const Sample* find(std::string_view path) const;
  // nullptr for the root.
  [[nodiscard]] const Sample* parent(const Sample& sample) const;

 private:
  TimePoint taken_;
  std::vector<Sample> samples_;
  std::size_t dropped_ = 0;
};

// "/a" for "/a/b", "/" for "/a", "" for "/".
[[nodiscard]] std::string_view parent_path(std::string_view path);

}  // namespace cgwarden::cgroup
