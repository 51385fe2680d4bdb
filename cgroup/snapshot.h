#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
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
  // Of a sampler: `sequence` grows by one from snapshot to snapshot.
  Snapshot(TimePoint taken, std::vector<Sample> samples, std::size_t dropped,
           std::vector<Sample> gone, std::uint64_t sequence, std::vector<Sample> ended = {});

  [[nodiscard]] TimePoint taken() const { return taken_; }
  [[nodiscard]] const std::vector<Sample>& samples() const { return samples_; }
  [[nodiscard]] std::size_t dropped() const { return dropped_; }

  // Last values of cgroups that went a short time ago, for those who would miss their last growth.
  // None has the path of a sample; find() does not see them.
  [[nodiscard]] const std::vector<Sample>& gone() const { return gone_; }
  // Last values of every cgroup that ended since the snapshot before, in the order of their ends:
  // for those who add up, also of a path that is there again or came and went in between.
  [[nodiscard]] const std::vector<Sample>& ended() const { return ended_; }
  // 0 when no sampler made it.
  [[nodiscard]] std::uint64_t sequence() const { return sequence_; }

  // nullptr when there is none. O(log n).
  [[nodiscard]] const Sample* find(std::string_view path) const;
  // nullptr for the root.
  [[nodiscard]] const Sample* parent(const Sample& sample) const;

  // The storage of the samples, to be filled again without allocation.
  [[nodiscard]] std::vector<Sample> release() && { return std::move(samples_); }

 private:
  TimePoint taken_;
  std::vector<Sample> samples_;
  std::size_t dropped_ = 0;
  std::vector<Sample> gone_;
  std::vector<Sample> ended_;
  std::uint64_t sequence_ = 0;
};

// "/a" for "/a/b", "/" for "/a", "" for "/".
[[nodiscard]] std::string_view parent_path(std::string_view path);

}  // namespace cgwarden::cgroup
