#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "diagnosis/recording/day_files.h"
#include "diagnosis/recording/rollup.h"
#include "diagnosis/recording/sample_writer.h"

namespace cgwarden::diagnosis::recording {

// How much is kept. All are of the whole recording.
struct Retention {
  std::uint64_t bytes = 512ULL * 1024 * 1024;
  std::uint64_t age_days = 30;    // a file goes when its whole day is older
  std::uint64_t rollup_days = 2;  // days in full, the one that is written among them
};

// What is to be done with files, the first of it; pure.
struct RetentionStep {
  enum class Kind : std::uint8_t { nothing, remove, roll_up, drop_oldest };
  Kind kind = Kind::nothing;
  std::string path;       // remove
  std::uint64_t day = 0;  // roll_up
};
// `files` as list_day_files() gives them; `writing`: the day that is written, whose used bytes are
// `writing_bytes`.
[[nodiscard]] RetentionStep next_step(const std::vector<DayFile>& files, const Retention& wanted,
                                      std::uint64_t today, std::uint64_t writing,
                                      std::uint64_t writing_bytes);

// Keeps the files of a writer in bounds, a bit at a time.
class Keeper {
 public:
  explicit Keeper(Retention wanted) : wanted_(wanted) {}
  // true: there is more to do. An error ends what was under way; the next call tries again. What
  // was removed is told in take_notices().
  [[nodiscard]] Result<bool> step(SampleWriter& writer, std::uint64_t wall_ms);
  [[nodiscard]] std::vector<std::string> take_notices() { return std::exchange(notices_, {}); }
  // Of all files, as of the last step.
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  [[nodiscard]] Result<bool> roll_up();

  Retention wanted_;
  std::optional<Rollup> rollup_;
  std::optional<std::uint64_t> refused_;  // a day that could not be rolled up
  std::uint64_t bytes_ = 0;
  std::vector<std::string> notices_;
};

}  // namespace cgwarden::diagnosis::recording
