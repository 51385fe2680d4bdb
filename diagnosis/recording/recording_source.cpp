#include "diagnosis/recording/recording_source.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <utility>

#include "base/file.h"
#include "base/limits.h"
#include "diagnosis/recording/day_files.h"
#include "diagnosis/recording/ring.h"

namespace cgwarden::diagnosis::recording {

// What is in the file at the beginning: a segment that gets there later was read from the ring.
class FileSource final : public Source {
 public:
  // Cuts of `in_full` are left out.
  static Result<std::shared_ptr<FileSource>> make(std::shared_ptr<SampleFile> file,
                                                  std::shared_ptr<SampleFile> in_full) {
    CGW_ASSIGN(const auto extent, file->extent());
    if (!extent) return std::shared_ptr<FileSource>();
    auto source = std::make_shared<FileSource>();
    source->file_ = std::move(file);
    source->in_full_ = std::move(in_full);
    source->from_ms_ = extent->from_ms;
    source->until_ms_ = extent->until_ms;
    source->newest_cut_ = extent->id;
    return source;
  }
  // Whether it tells the segment itself.
  [[nodiscard]] Result<bool> has(std::uint64_t segment) const {
    CGW_ASSIGN(const auto cut, file_->cut_of(segment));
    return cut && *cut <= newest_cut_;
  }
  // It is told by another source.
  void leave_out(std::uint64_t segment) { left_out_.insert(segment); }

  Result<std::vector<StoredStream>> streams(std::uint64_t from_ms,
                                            std::uint64_t until_ms) override {
    return file_->streams(from_ms, until_ms);
  }
  Result<std::vector<StoredCut>> cuts(std::uint64_t from_ms, std::uint64_t until_ms) override {
    CGW_ASSIGN(auto cuts, file_->cuts(from_ms, until_ms));
    std::erase_if(cuts, [this](const StoredCut& cut) {
      return cut.id > newest_cut_ || left_out_.contains(cut.segment);
    });
    if (!in_full_) return cuts;
    std::vector<StoredCut> own;
    for (const StoredCut& cut : cuts) {
      CGW_ASSIGN(const auto twice, in_full_->cut_of(cut.segment));
      if (!twice) own.push_back(cut);
    }
    return own;
  }
  Result<std::vector<std::uint64_t>> ticks(std::int64_t cut) override { return file_->ticks(cut); }
  Status want(const std::vector<cgroup::Field>& fields) override {
    count_ = fields.size();
    columns_.clear();
    CGW_ASSIGN(const auto stored, file_->fields());
    for (const StoredField& field : stored) {
      const auto at = std::ranges::find(fields, field.field.name, &cgroup::Field::name);
      if (at == fields.end() || field.number >= limits::kRecordedFields) continue;
      if (columns_.size() <= field.number) columns_.resize(field.number + 1, kNoColumn);
      columns_[field.number] = static_cast<std::uint32_t>(at - fields.begin());
    }
    return {};
  }
  Result<bool> block(std::int64_t cut, std::int64_t stream, Block& block) override {
    CGW_ASSIGN(const bool there, file_->chunk(cut, stream, bytes_));
    if (!there) return false;
    if (Status decoded = decoder_.decode(bytes_, columns_, count_, block); !decoded) {
      return fail(Error::malformed("read", file_->path(),
                                   "some of its samples are damaged; they are left out"));
    }
    return true;
  }

 private:
  std::shared_ptr<SampleFile> file_;
  std::shared_ptr<SampleFile> in_full_;
  std::int64_t newest_cut_ = 0;
  std::set<std::uint64_t> left_out_;
  ColumnMap columns_;
  std::size_t count_ = 0;
  std::string bytes_;
  ChunkDecoder decoder_;
};

namespace {

class RingSource final : public Source {
 public:
  static Result<std::shared_ptr<RingSource>> make(std::string bytes) {
    auto source = std::make_shared<RingSource>();
    source->bytes_ = std::move(bytes);
    CGW_ASSIGN(source->segment_, RingSegment::read(source->bytes_));
    const auto& ticks = source->segment_.ticks();
    if (ticks.empty()) return std::shared_ptr<RingSource>();
    source->from_ms_ = std::ranges::min(ticks);
    source->until_ms_ = std::ranges::max(ticks);
    return source;
  }
  [[nodiscard]] const RingSegment& segment() const { return segment_; }

  Result<std::vector<StoredStream>> streams(std::uint64_t from_ms,
                                            std::uint64_t until_ms) override {
    std::vector<StoredStream> streams;
    for (std::size_t i = 0; i < segment_.streams(); ++i) {
      const std::uint64_t first = segment_.ticks()[segment_.first_tick(i)];
      const std::uint64_t last = segment_.ticks()[segment_.last_tick(i)];
      if (last < from_ms || first > until_ms) continue;
      streams.push_back({static_cast<std::int64_t>(i), segment_.stream(i), first, last});
    }
    return streams;
  }
  Result<std::vector<StoredCut>> cuts(std::uint64_t from_ms, std::uint64_t until_ms) override {
    if (until_ms_ < from_ms || from_ms_ > until_ms) return std::vector<StoredCut>{};
    return std::vector<StoredCut>{{1, segment_.id(), from_ms_, until_ms_}};
  }
  Result<std::vector<std::uint64_t>> ticks(std::int64_t /*cut*/) override {
    return segment_.ticks();
  }
  Status want(const std::vector<cgroup::Field>& fields) override {
    count_ = fields.size();
    columns_.clear();
    for (const cgroup::Field& field : segment_.fields()) {
      const auto at = std::ranges::find(fields, field.name, &cgroup::Field::name);
      columns_.push_back(at == fields.end() ? kNoColumn
                                            : static_cast<std::uint32_t>(at - fields.begin()));
    }
    return {};
  }
  Result<bool> block(std::int64_t /*cut*/, std::int64_t stream, Block& block) override {
    CGW_TRY(segment_.decode(static_cast<std::size_t>(stream), columns_, count_, block));
    return true;
  }

 private:
  std::string bytes_;
  RingSegment segment_;
  ColumnMap columns_;
  std::size_t count_ = 0;
};

struct CloseRings {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

// Read before the files are looked at: a segment leaves the ring after it is in its file.
std::vector<std::string> read_rings(const std::string& directory) {
  std::vector<std::string> rings;
  const std::unique_ptr<DIR, CloseRings> opened(::opendir(directory.c_str()));
  if (!opened) return rings;
  while (const dirent* entry = ::readdir(opened.get())) {
    const std::string name = entry->d_name;
    if (!name.ends_with(kRingSuffix)) continue;
    auto bytes = read_file(directory + "/" + name, limits::kRingMostBytes);
    if (bytes) rings.push_back(*std::move(bytes));
  }
  return rings;
}

}  // namespace

std::string ring_directory(const std::string& runtime_dir) { return runtime_dir + "/recorder"; }

void Sources::fault(const Error& error) {
  const std::string sentence = error.sentence();
  if (std::ranges::find(faults_, sentence) == faults_.end()) faults_.push_back(sentence);
}

std::shared_ptr<SampleFile> Sources::open(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return nullptr;
  Opened& opened = opened_[path];
  if (opened.file && opened.inode == info.st_ino) return opened.file;
  opened = {};
  auto file = SampleFile::open(path);
  if (!file) {
    if (file.error().kind != ErrorKind::vanished) fault(file.error());
    return nullptr;
  }
  opened = {info.st_ino, std::make_shared<SampleFile>(*std::move(file)), {}};
  return opened.file;
}

Status Sources::add_files() {
  CGW_ASSIGN(const auto files, list_day_files(state_dir_));
  std::set<std::string> there;
  for (const DayFile& file : files) {
    if (file.kind == DayFile::Kind::aside) continue;
    there.insert(file.path);
    auto opened = open(file.path);
    if (!opened) continue;
    std::shared_ptr<SampleFile> in_full;
    if (file.kind == DayFile::Kind::rollup) in_full = open(samples_path(state_dir_, file.day));
    auto source = FileSource::make(std::move(opened), std::move(in_full));
    if (!source) {
      fault(source.error());
    } else if (*source) {
      opened_[file.path].source = *source;
      all_.push_back(*std::move(source));
    }
  }
  std::erase_if(opened_, [&](const auto& entry) { return !there.contains(entry.first); });
  return {};
}

// In a file as it was looked at: what was stored since is not told from there. A file that cannot
// answer is not asked for it again, as the ring has all of it.
bool Sources::stored(const RingSegment& segment) {
  const auto at = opened_.find(samples_path(state_dir_, segment.ticks().front() / kDayMs));
  if (at == opened_.end() || !at->second.source) return false;
  const auto has = at->second.source->has(segment.id());
  if (has) return *has;
  fault(has.error());
  at->second.source->leave_out(segment.id());
  return false;
}

void Sources::add_rings(std::vector<std::string> rings) {
  std::vector<std::shared_ptr<RingSource>> segments;
  for (std::string& bytes : rings) {
    auto segment = RingSource::make(std::move(bytes));
    if (!segment) {
      fault(segment.error());
      continue;
    }
    if (!*segment) continue;
    if (!stored((*segment)->segment())) segments.push_back(*std::move(segment));
  }
  std::ranges::sort(segments, {}, [](const auto& segment) { return segment->from_ms(); });
  all_.insert(all_.end(), segments.begin(), segments.end());
}

Status Sources::refresh() {
  all_.clear();
  for (auto& [path, opened] : opened_) opened.source.reset();
  auto rings =
      runtime_dir_.empty() ? std::vector<std::string>() : read_rings(ring_directory(runtime_dir_));
  Status listed = add_files();
  if (!listed && listed.error().kind != ErrorKind::vanished) return listed;
  add_rings(std::move(rings));
  return {};
}

}  // namespace cgwarden::diagnosis::recording
