#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "diagnosis/recording/sample_file.h"
#include "diagnosis/recording/sample_writer.h"

namespace cgwarden::diagnosis::recording {

inline constexpr std::uint64_t kRollupStepMs = 10'000;

// Makes rollup-DAY.db of samples-DAY.db, ten minutes at a time, so that who stores samples
// meanwhile can go on:
//
//   CGW_ASSIGN(Rollup rollup, Rollup::begin(directory, day));
//   while (rollup.step() gives true) ...
//
// Of a counter and a limit the last value of ten seconds is kept, of a gauge the largest. Where
// counters began anew both sides are kept, because they are streams of their own. At the end the
// new file takes its name and the old one is removed; what was not finished begins from the start.
class Rollup {
 public:
  [[nodiscard]] static Result<Rollup> begin(const std::string& directory, std::uint64_t day);
  // false: done.
  [[nodiscard]] Result<bool> step();
  [[nodiscard]] std::uint64_t day() const { return day_; }

 private:
  Rollup(std::string directory, std::uint64_t day, SampleFile from, SampleFileWriter to)
      : directory_(std::move(directory)), day_(day), from_(std::move(from)), to_(std::move(to)) {}
  [[nodiscard]] Status finish();
  [[nodiscard]] std::uint64_t cut_ms(std::uint64_t from_ms) const;

  std::string directory_;
  std::uint64_t day_;
  std::optional<SampleFile> from_;
  std::optional<SampleFileWriter> to_;
  std::vector<StoredField> fields_;
  std::map<std::int64_t, StoredStream> streams_;
  std::vector<StoredCut> cuts_;
  std::size_t next_ = 0;
};

}  // namespace cgwarden::diagnosis::recording
