#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "base/result.h"
#include "diagnosis/recording/chunk.h"
#include "diagnosis/recording/ring.h"
#include "diagnosis/sqlite.h"

namespace cgwarden::diagnosis::recording {

// One samples-*.db or rollup-*.db that is written.
class SampleFileWriter {
 public:
  // Creates it with its schema. malformed: not ours, damaged. not_supported: of a newer version.
  [[nodiscard]] static Result<SampleFileWriter> open(const std::string& path);

  // What is stored as one cut. Ticks are milliseconds of the wall clock, in the order of sampling.
  struct Cut {
    std::uint64_t segment = 0;
    std::vector<std::uint64_t> ticks;
    std::vector<cgroup::Field> fields;
  };
  // Gives stream i of the cut and its samples, whose columns are the cut's fields by `columns`.
  class Source {
   public:
    virtual ~Source() = default;
    [[nodiscard]] virtual std::size_t streams() const = 0;
    [[nodiscard]] virtual const Stream& stream(std::size_t i) const = 0;
    // The first and the last tick of its samples.
    [[nodiscard]] virtual std::pair<std::uint32_t, std::uint32_t> ticks(std::size_t i) const = 0;
    // `columns[f]`: where the cut's field f goes.
    [[nodiscard]] virtual Status block(std::size_t i, const ColumnMap& columns, std::size_t count,
                                       Block& block) = 0;
  };
  // All of it or nothing, committed when it returns. false: the segment is already there.
  [[nodiscard]] Result<bool> put(const Cut& cut, Source& source);

  // Removes the oldest tenth of the cuts, but never the newest; false: there was nothing to remove.
  // The file does not shrink: its pages are used again.
  [[nodiscard]] Result<bool> drop_oldest();
  // What is in use of it.
  [[nodiscard]] Result<std::uint64_t> used_bytes() const;

 private:
  // boot, cgroup, run, path
  using StreamKey = std::tuple<std::string, std::uint64_t, std::uint64_t, std::string>;
  struct Known {
    std::int64_t row = 0;
    std::int64_t round = 0;
    identity::Identity identity;
  };
  // How the cut's fields become columns that are sorted by their stored numbers.
  struct Columns {
    std::vector<std::uint32_t> numbers;
    ColumnMap columns;
  };
  SampleFileWriter(std::string path, Database database)
      : path_(std::move(path)), database_(std::make_unique<Database>(std::move(database))) {}
  [[nodiscard]] Status take_up();
  [[nodiscard]] Result<std::uint32_t> field_number(const cgroup::Field& field);
  [[nodiscard]] Result<Columns> columns_of(const std::vector<cgroup::Field>& fields);
  [[nodiscard]] Result<std::int64_t> boot_row(const std::string& boot);
  [[nodiscard]] Result<std::int64_t> stream_row(const Stream& stream, std::uint64_t first_ms,
                                                std::uint64_t last_ms, Database::Statement& update);
  [[nodiscard]] Result<std::int64_t> upsert_stream(const Stream& stream, std::uint64_t first_ms,
                                                   std::uint64_t last_ms);
  [[nodiscard]] Status put_cut(std::int64_t id, const Cut& cut);
  [[nodiscard]] Status put_chunks(std::int64_t id, const Cut& cut, Source& source);
  void forget();  // what a transaction that was rolled back made known

  std::string path_;
  std::unique_ptr<Database> database_;  // statements point to it
  ChunkEncoder encoder_;
  Block block_;
  std::map<std::string, std::uint32_t, std::less<>> fields_;
  std::map<std::string, std::int64_t, std::less<>> boots_;
  std::map<StreamKey, Known> streams_;
  std::int64_t round_ = 0;
};

// A segment of the ring as a source.
class SegmentSource final : public SampleFileWriter::Source {
 public:
  explicit SegmentSource(const RingSegment& segment) : segment_(segment) {}
  [[nodiscard]] std::size_t streams() const override { return segment_.streams(); }
  [[nodiscard]] const Stream& stream(std::size_t i) const override { return segment_.stream(i); }
  [[nodiscard]] std::pair<std::uint32_t, std::uint32_t> ticks(std::size_t i) const override {
    return {segment_.first_tick(i), segment_.last_tick(i)};
  }
  [[nodiscard]] Status block(std::size_t i, const ColumnMap& columns, std::size_t count,
                             Block& block) override {
    return segment_.decode(i, columns, count, block);
  }

 private:
  const RingSegment& segment_;
};

// Stores segments, each in the file of its day. Thread rule: one thread per object.
class SampleWriter {
 public:
  explicit SampleWriter(std::string directory) : directory_(std::move(directory)) {}

  // One commit. Storing a segment again changes nothing. A file that cannot be used is moved aside
  // and said in take_notices(). On failure nothing is stored: with errno ENOSPC the disk is full,
  // or so nearly full that the rest is left to the verdicts.
  [[nodiscard]] Status store(const RingSegment& segment, std::uint64_t wall_seconds);
  [[nodiscard]] std::vector<std::string> take_notices() { return std::exchange(notices_, {}); }

  [[nodiscard]] const std::string& directory() const { return directory_; }
  // The file that is written now; nullptr: none yet.
  [[nodiscard]] SampleFileWriter* current() { return file_ ? &*file_ : nullptr; }
  [[nodiscard]] std::uint64_t current_day() const { return day_; }
  // Its file is opened again for the next segment.
  void close() { file_.reset(); }

 private:
  [[nodiscard]] Status open(std::uint64_t day, std::uint64_t wall_seconds);
  [[nodiscard]] Status replace(std::uint64_t day, const Error& why, std::uint64_t wall_seconds);

  std::string directory_;
  std::uint64_t day_ = 0;
  std::optional<SampleFileWriter> file_;
  std::vector<std::string> notices_;
};

}  // namespace cgwarden::diagnosis::recording
