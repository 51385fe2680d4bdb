#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "cgroup/sample_list.h"
#include "cgroup/samples.h"

namespace cgwarden::cgroup {

// All samples of one tick. Immutable once built; samples are sorted by path, so a parent stands
// before its children. What did not change is shared with the snapshot before.
class Snapshot {
 public:
  Snapshot() = default;
  // Sorts `samples` by path. `dropped` counts cgroups that exist but were left out by a limit.
  Snapshot(TimePoint taken, std::vector<Sample> samples, std::size_t dropped = 0);
  // Of a sampler: `sequence` grows by one from snapshot to snapshot.
  Snapshot(TimePoint taken, std::vector<Sample> samples, std::size_t dropped,
           std::vector<Sample> gone, std::uint64_t sequence, std::vector<Sample> ended = {},
           std::vector<std::uint64_t> gone_since = {});
  // `samples` are sorted. `gone_since`: as many as `gone`.
  Snapshot(TimePoint taken, SampleList samples, std::size_t dropped, SampleList gone,
           std::uint64_t sequence, SampleList ended, std::vector<std::uint64_t> gone_since);

  [[nodiscard]] TimePoint taken() const { return taken_; }
  [[nodiscard]] const SampleList& samples() const { return samples_; }
  [[nodiscard]] std::size_t dropped() const { return dropped_; }

  // Last values of cgroups that went a short time ago, for those who would miss their last growth.
  // None has the path of a sample; find() does not see them.
  [[nodiscard]] const SampleList& gone() const { return gone_; }
  // Of each of them the sequence of the first snapshot that shows it as gone, in ascending order;
  // empty when no sampler made it.
  [[nodiscard]] const std::vector<std::uint64_t>& gone_since() const { return gone_since_; }
  // Last values of every cgroup that ended since the snapshot before, in the order of their ends:
  // for those who add up, also of a path that is there again or came and went in between.
  [[nodiscard]] const SampleList& ended() const { return ended_; }
  // 0 when no sampler made it.
  [[nodiscard]] std::uint64_t sequence() const { return sequence_; }

  // nullptr when there is none. O(log n).
  [[nodiscard]] const Sample* find(std::string_view path) const;
  // nullptr for the root.
  [[nodiscard]] const Sample* parent(const Sample& sample) const;

 private:
  TimePoint taken_;
  SampleList samples_;
  std::size_t dropped_ = 0;
  SampleList gone_;
  std::vector<std::uint64_t> gone_since_;
  SampleList ended_;
  std::uint64_t sequence_ = 0;
};

// "/a" for "/a/b", "/" for "/a", "" for "/".
[[nodiscard]] std::string_view parent_path(std::string_view path);

}  // namespace cgwarden::cgroup
