#include "diagnosis/recording/rollup.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <limits>
#include <utility>

#include "base/limits.h"
#include "diagnosis/recording/day_files.h"

namespace cgwarden::diagnosis::recording {
namespace {

// Ten minutes are as many samples as a minute in full; fewer where many cgroups would take more
// memory than that is worth.
constexpr std::uint64_t kMostCutMs = 600'000;
constexpr std::uint64_t kLeastCutMs = 60'000;
constexpr std::uint64_t kMostBytes = 64U * 1024U * 1024U;
constexpr std::uint64_t kEverything = std::numeric_limits<std::int64_t>::max();

std::string unfinished(const std::string& directory, std::uint64_t day) {
  return rollup_path(directory, day) + ".new";
}

// Some cuts of a file as one cut in steps of ten seconds.
class Steps final : public SampleFileWriter::Source {
 public:
  Steps(const std::vector<StoredField>& fields, const std::map<std::int64_t, StoredStream>& known)
      : known_(known) {
    for (const StoredField& field : fields) {
      kinds_.push_back(field.field.kind);
      if (columns_.size() <= field.number) columns_.resize(field.number + 1, kNoColumn);
      columns_[field.number] = static_cast<std::uint32_t>(kinds_.size() - 1);
    }
  }

  [[nodiscard]] const std::vector<std::uint64_t>& ends() const { return ends_; }

  Status take(const SampleFile& file, const StoredCut& cut) {
    CGW_ASSIGN(const auto ticks, file.ticks(cut.id));
    step_of_.clear();
    for (const std::uint64_t tick : ticks) step_of_.push_back(step_at(tick));
    return file.chunks(cut.id, [&](std::int64_t row, std::string_view bytes) -> Status {
      const auto stream = known_.find(row);
      if (stream == known_.end()) return {};
      // One damaged minute of one cgroup is not the end of its day.
      if (!decoder_.decode(bytes, columns_, kinds_.size(), block_)) return {};
      return add(stream->second, ticks.size());
    });
  }

  [[nodiscard]] std::size_t streams() const override { return rows_.size(); }
  [[nodiscard]] const Stream& stream(std::size_t i) const override { return rows_[i].of->stream; }
  [[nodiscard]] std::pair<std::uint32_t, std::uint32_t> ticks(std::size_t i) const override {
    return {rows_[i].block.ticks.front(), rows_[i].block.ticks.back()};
  }
  // The block is by sample until here: it grew.
  [[nodiscard]] Status block(std::size_t i, const ColumnMap& columns, std::size_t count,
                             Block& out) override {
    const Block& rows = rows_[i].block;
    out.reset(count, rows.samples());
    out.ticks = rows.ticks;
    for (std::size_t s = 0; s < rows.samples(); ++s) {
      for (std::size_t f = 0; f < kinds_.size(); ++f) {
        out.values[out.at(columns[f], s)] = rows.values[s * kinds_.size() + f];
        out.present[out.at(columns[f], s)] = rows.present[s * kinds_.size() + f];
      }
    }
    return {};
  }

 private:
  struct Row {
    const StoredStream* of = nullptr;
    Block block;
  };

  // A step ends with its last tick.
  std::uint32_t step_at(std::uint64_t tick) {
    if (ends_.empty() || ends_.back() / kRollupStepMs != tick / kRollupStepMs) {
      ends_.push_back(tick);
    } else {
      ends_.back() = tick;
    }
    return static_cast<std::uint32_t>(ends_.size() - 1);
  }

  Status add(const StoredStream& stream, std::size_t ticks) {
    const auto [at, fresh] = by_row_.try_emplace(stream.row, rows_.size());
    if (fresh) rows_.push_back({&stream, {}});
    Block& rows = rows_[at->second].block;
    for (std::size_t s = 0; s < block_.samples(); ++s) {
      if (block_.ticks[s] >= ticks) return {};
      const std::uint32_t step = step_of_[block_.ticks[s]];
      if (rows.ticks.empty() || rows.ticks.back() != step) {
        rows.ticks.push_back(step);
        rows.values.resize(rows.values.size() + kinds_.size(), 0);
        rows.present.resize(rows.present.size() + kinds_.size(), 0);
      }
      merge(rows, s);
    }
    return {};
  }

  void merge(Block& rows, std::size_t sample) {
    const std::size_t base = rows.values.size() - kinds_.size();
    for (std::size_t f = 0; f < kinds_.size(); ++f) {
      if (block_.present[block_.at(f, sample)] == 0) continue;
      const std::uint64_t value = block_.values[block_.at(f, sample)];
      std::uint64_t& kept = rows.values[base + f];
      kept = kinds_[f] == cgroup::FieldKind::gauge ? std::max(kept, value) : value;
      rows.present[base + f] = 1;
    }
  }

  const std::map<std::int64_t, StoredStream>& known_;
  std::vector<cgroup::FieldKind> kinds_;
  ColumnMap columns_;
  std::vector<std::uint64_t> ends_;
  std::vector<std::uint32_t> step_of_;
  ChunkDecoder decoder_;
  Block block_;
  std::vector<Row> rows_;
  std::map<std::int64_t, std::size_t> by_row_;
};

}  // namespace

Result<Rollup> Rollup::begin(const std::string& directory, std::uint64_t day) {
  CGW_ASSIGN(SampleFile from, SampleFile::open(samples_path(directory, day)));
  CGW_ASSIGN(auto fields, from.fields());
  CGW_ASSIGN(auto streams, from.streams(0, kEverything));
  CGW_ASSIGN(auto cuts, from.cuts(0, kEverything));
  (void)remove_day_file(unfinished(directory, day));
  CGW_ASSIGN(SampleFileWriter to, SampleFileWriter::open(unfinished(directory, day)));
  Rollup rollup(directory, day, std::move(from), std::move(to));
  rollup.fields_ = std::move(fields);
  for (StoredStream& stream : streams) rollup.streams_.emplace(stream.row, std::move(stream));
  rollup.cuts_ = std::move(cuts);
  return rollup;
}

std::uint64_t Rollup::cut_ms(std::uint64_t from_ms) const {
  const auto streams =
      static_cast<std::uint64_t>(std::ranges::count_if(streams_, [&](const auto& at) {
        return at.second.first_ms < from_ms + kMostCutMs && at.second.last_ms >= from_ms;
      }));
  const std::uint64_t step_bytes = streams * fields_.size() * 9 + 1;
  return std::clamp(kMostBytes / step_bytes * kRollupStepMs, kLeastCutMs, kMostCutMs);
}

Result<bool> Rollup::step() {
  if (next_ == cuts_.size()) {
    CGW_TRY(finish());
    return false;
  }
  Steps steps(fields_, streams_);
  const std::uint64_t begun = cuts_[next_].from_ms;
  // The id of the first segment will do: it is stored once.
  SampleFileWriter::Cut cut{cuts_[next_].segment, {}, {}};
  const std::size_t first = next_;
  const std::uint64_t length = cut_ms(begun);
  while (next_ < cuts_.size() && cuts_[next_].from_ms >= begun &&
         cuts_[next_].from_ms < begun + length && steps.ends().size() < limits::kTicksPerCut / 2) {
    CGW_TRY(steps.take(*from_, cuts_[next_]));
    ++next_;
  }
  if (next_ == first) ++next_;
  cut.ticks = steps.ends();
  for (const StoredField& field : fields_) cut.fields.push_back(field.field);
  CGW_ASSIGN(const bool put, to_->put(cut, steps));
  (void)put;
  return true;
}

Status Rollup::finish() {
  to_.reset();
  from_.reset();
  const std::string from = unfinished(directory_, day_);
  const std::string to = rollup_path(directory_, day_);
  if (std::rename(from.c_str(), to.c_str()) != 0) {
    return fail(Error::from_errno(errno, "rename", from));
  }
  return remove_day_file(samples_path(directory_, day_));
}

}  // namespace cgwarden::diagnosis::recording
