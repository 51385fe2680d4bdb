#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "cgroup/fields.h"
#include "diagnosis/recording/chunk.h"
#include "diagnosis/recording/stream.h"
#include "diagnosis/sqlite.h"

namespace cgwarden::diagnosis::recording {

struct StoredField {
  std::uint32_t number = 0;
  cgroup::Field field;
};

struct StoredStream {
  std::int64_t row = 0;
  Stream stream;
  std::uint64_t first_ms = 0;
  std::uint64_t last_ms = 0;
};

struct StoredCut {
  std::int64_t id = 0;
  std::uint64_t segment = 0;
  std::uint64_t from_ms = 0;  // the smallest and the largest of its ticks
  std::uint64_t until_ms = 0;
};

// Reads one samples-*.db or rollup-*.db, read-only.
class SampleFile {
 public:
  // vanished: it is not there. malformed: not ours, or damaged. not_supported: of a newer version.
  [[nodiscard]] static Result<SampleFile> open(const std::string& path);

  [[nodiscard]] Result<std::vector<StoredField>> fields() const;
  // Those that overlap the times, by row.
  [[nodiscard]] Result<std::vector<StoredStream>> streams(std::uint64_t from_ms,
                                                          std::uint64_t until_ms) const;
  // Those that overlap the times, in the order in which they were stored, by which ids ascend.
  [[nodiscard]] Result<std::vector<StoredCut>> cuts(std::uint64_t from_ms,
                                                    std::uint64_t until_ms) const;
  [[nodiscard]] Result<std::vector<std::uint64_t>> ticks(std::int64_t cut) const;
  // The cut that the segment of a ring became; nullopt: it is not there.
  [[nodiscard]] Result<std::optional<std::int64_t>> cut_of(std::uint64_t segment) const;
  // The first and last tick, and the id of the newest cut; nullopt: there is none.
  [[nodiscard]] Result<std::optional<StoredCut>> extent() const;

  // One chunk of a cut; false: the stream has none in it.
  [[nodiscard]] Result<bool> chunk(std::int64_t cut, std::int64_t stream, std::string& bytes);
  // Every chunk of a cut, by stream.
  [[nodiscard]] Status chunks(
      std::int64_t cut,
      const std::function<Status(std::int64_t stream, std::string_view bytes)>& take) const;

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  SampleFile(std::string path, Database database)
      : path_(std::move(path)), database_(std::make_unique<Database>(std::move(database))) {}

  std::string path_;
  std::unique_ptr<Database> database_;  // statements point to it
  std::optional<Database::Statement> chunk_;
};

}  // namespace cgwarden::diagnosis::recording
