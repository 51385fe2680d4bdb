#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "diagnosis/recording/retention.h"

namespace cgwarden::agent {

// The thread that stores segments of the ring, so that no disk can stall the loop, and keeps the
// recording within its size. One segment is stored, and one may wait; what is in the directory of
// the ring at the start was left by another agent and is stored first.
class SampleDrain {
 public:
  struct Counts {
    std::uint64_t stored = 0;   // samples
    std::uint64_t dropped = 0;  // samples of segments that could not be stored
    std::uint64_t errors = 0;
    std::uint64_t bytes = 0;  // of the files of the recording
  };
  SampleDrain(std::string state_dir, const std::string& runtime_dir,
              diagnosis::recording::Retention retention, const Clock& clock);
  SampleDrain(const SampleDrain&) = delete;
  SampleDrain& operator=(const SampleDrain&) = delete;
  // Stores what it was given, then ends.
  ~SampleDrain();

  // false: one waits already while another is being stored. A segment that is stored, or cannot be,
  // is removed.
  [[nodiscard]] bool take(const std::string& segment);
  [[nodiscard]] Counts counts() const;

 private:
  void run();
  void store(const std::string& segment);
  void keep();
  [[nodiscard]] bool waiting() const;

  const Clock& clock_;
  diagnosis::recording::SampleWriter writer_;
  diagnosis::recording::Keeper keeper_;
  std::vector<std::string> leftovers_;
  std::string said_;  // the last fault, so that a full disk is one line

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::optional<std::string> next_;  // under mutex_, as the one below
  bool stopping_ = false;
  std::atomic<std::uint64_t> stored_ = 0;
  std::atomic<std::uint64_t> dropped_ = 0;
  std::atomic<std::uint64_t> errors_ = 0;
  std::atomic<std::uint64_t> bytes_ = 0;
  std::thread thread_;
};

}  // namespace cgwarden::agent
