#include "agent/sample_drain.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "diagnosis/recording/recording_source.h"

namespace cgwarden::agent {
namespace {

using diagnosis::recording::RingSegment;

std::uint64_t samples_of(const RingSegment& segment) {
  std::uint64_t samples = 0;
  for (std::size_t i = 0; i < segment.streams(); ++i) samples += segment.samples(i);
  return samples;
}

// What is in the directory of the ring, the oldest first.
std::vector<std::string> find_segments(const std::string& directory) {
  std::error_code failed;
  std::vector<std::pair<std::filesystem::file_time_type, std::string>> segments;
  for (std::filesystem::directory_iterator at(directory, failed), end; !failed && at != end;
       at.increment(failed)) {
    const std::string path = at->path().string();
    std::error_code gone;
    const auto written = at->last_write_time(gone);
    if (path.ends_with(".ring.new")) ::unlink(path.c_str());
    if (path.ends_with(diagnosis::recording::kRingSuffix)) segments.emplace_back(written, path);
  }
  std::ranges::sort(segments);
  std::vector<std::string> paths;
  for (auto& [written, path] : segments) paths.push_back(std::move(path));
  return paths;
}

}  // namespace

SampleDrain::SampleDrain(std::string state_dir, const std::string& runtime_dir,
                         diagnosis::recording::Retention retention, const Clock& clock)
    : clock_(clock),
      writer_(std::move(state_dir)),
      keeper_(retention),
      // Here, not in the thread: the caller is about to put a segment of its own there.
      leftovers_(find_segments(diagnosis::recording::ring_directory(runtime_dir))),
      thread_([this] { run(); }) {
  ::pthread_setname_np(thread_.native_handle(), "recorder");
}

SampleDrain::~SampleDrain() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

bool SampleDrain::take(const std::string& segment) {
  {
    const std::lock_guard lock(mutex_);
    if (next_ || stopping_) return false;
    next_ = segment;
  }
  wake_.notify_one();
  return true;
}

SampleDrain::Counts SampleDrain::counts() const { return {stored_, dropped_, errors_, bytes_}; }

bool SampleDrain::waiting() const {
  const std::lock_guard lock(mutex_);
  return next_ || stopping_;
}

void SampleDrain::run() {
  for (const std::string& segment : leftovers_) store(segment);
  keep();
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return next_ || stopping_; });
    if (!next_) return;
    const std::string segment = *std::exchange(next_, std::nullopt);
    lock.unlock();
    store(segment);
    keep();
    lock.lock();
  }
}

void SampleDrain::store(const std::string& path) {
  const auto bytes = read_file(path, limits::kRingMostBytes);
  const auto segment = bytes ? RingSegment::read(*bytes) : Result<RingSegment>(fail(bytes.error()));
  const std::uint64_t samples = segment ? samples_of(*segment) : 0;
  const Status stored = segment ? writer_.store(*segment, clock_.now().wall.count() / 1'000'000U)
                                : Status(fail(segment.error()));
  for (const std::string& notice : writer_.take_notices()) {
    log::warning("recording", {{"notice", notice}});
  }
  if (stored) {
    stored_ += samples;
    if (!said_.empty()) log::info("samples_stored_again");
    said_.clear();
  } else {
    dropped_ += samples;
    ++errors_;
    const std::string sentence = stored.error().sentence();
    if (said_ != sentence) {
      log::error("samples_dropped",
                 {{"error", sentence},
                  {"samples", std::to_string(samples)},
                  {"effect", "history and dump have a gap; verdicts are not concerned"}});
    }
    said_ = sentence;
  }
  ::unlink(path.c_str());
}

// Between two steps a segment that waits goes first.
void SampleDrain::keep() {
  for (bool more = true; more && !waiting();) {
    const auto step = keeper_.step(writer_, clock_.now().wall.count() / 1000U);
    if (!step) {
      log::warning("recording_not_kept_small", {{"error", step.error().sentence()}});
    }
    more = step && *step;
    for (const std::string& notice : keeper_.take_notices()) {
      log::info("recording", {{"notice", notice}});
    }
    bytes_ = keeper_.bytes();
  }
}

}  // namespace cgwarden::agent
