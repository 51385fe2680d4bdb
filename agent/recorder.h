#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "identity/identity_book.h"

#include "agent/options.h"
#include "agent/ring_file.h"
#include "agent/sample_drain.h"
#include "base/clock.h"
#include "cgroup/snapshot.h"
#include "diagnosis/recording/ring.h"

namespace cgwarden::agent {

// The flight recorder: every tick goes into the ring (memory of the runtime directory, no system
// call), every minute of it into the store, by a thread of its own. What a killed agent left in the
// ring is stored by the next one. Never fails: what cannot be recorded is counted and said once.
class Recorder {
 public:
  struct Counts {
    std::uint64_t stored = 0;           // samples
    std::uint64_t dropped_by_cap = 0;   // samples of cgroups beyond maxCgroups
    std::uint64_t dropped_by_ring = 0;  // that found no room in the ring
    std::uint64_t dropped_by_disk = 0;  // whose minute could not be stored
    std::uint64_t bytes = 0;            // of the files of the recording
  };
  // `boot`: /proc/sys/kernel/random/boot_id.
  Recorder(const Options& options, std::string boot, const Clock& clock);
  ~Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  void record(const cgroup::Snapshot& snapshot, const identity::Table& identities);
  // What is in the ring is stored now, if the last time was not a moment ago.
  void drain(TimePoint now);
  [[nodiscard]] Counts counts() const;

 private:
  void encode(const cgroup::Snapshot& snapshot, const identity::Table& identities);
  void add(const cgroup::Sample& sample, const identity::Table& identities);
  [[nodiscard]] bool append(std::string_view frame);
  [[nodiscard]] bool append_anew(const cgroup::Snapshot& snapshot,
                                 const identity::Table& identities, std::size_t frame_bytes);
  [[nodiscard]] bool open_segment(TimePoint now);
  // false: the thread is two segments behind.
  [[nodiscard]] bool cut();
  void complain(const std::string& sentence);

  const Clock& clock_;
  policy::RecorderConfig config_;
  std::string boot_;
  std::string ring_dir_;
  diagnosis::recording::FrameEncoder frames_;
  std::vector<std::uint64_t> values_;
  std::vector<std::uint8_t> present_;
  std::size_t ring_bytes_;
  std::optional<RingFile> ring_;
  TimePoint begun_;
  bool sealed_ = false;
  std::size_t ticks_ = 0;   // in the segment
  std::size_t added_ = 0;   // in the tick
  std::size_t beyond_ = 0;  // in the tick
  std::uint64_t dropped_by_cap_ = 0;
  std::uint64_t dropped_by_ring_ = 0;
  std::string said_;
  SampleDrain drain_;
};

}  // namespace cgwarden::agent
