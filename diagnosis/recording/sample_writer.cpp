#include "diagnosis/recording/sample_writer.h"

#include <sys/statvfs.h>

#include <cerrno>
#include <utility>

#include "base/limits.h"
#include "diagnosis/recording/day_files.h"

namespace cgwarden::diagnosis::recording {
namespace {

Status check_space(const std::string& directory) {
  struct statvfs info{};
  if (::statvfs(directory.c_str(), &info) != 0) {
    return fail(Error::from_errno(errno, "look at the disk of", directory));
  }
  if (info.f_bavail * info.f_frsize >= limits::kSpaceForVerdicts) return {};
  return fail(Error::from_errno(
      ENOSPC, "store samples in", directory,
      "the last " + human_bytes(Bytes{limits::kSpaceForVerdicts}) + " are left to the verdicts"));
}

}  // namespace

Status SampleWriter::open(std::uint64_t day, std::uint64_t wall_seconds) {
  if (file_ && day == day_) return {};
  file_.reset();
  auto opened = SampleFileWriter::open(samples_path(directory_, day));
  if (!opened && (opened.error().kind == ErrorKind::malformed ||
                  opened.error().kind == ErrorKind::not_supported)) {
    return replace(day, opened.error(), wall_seconds);
  }
  if (!opened) return fail(opened.error());
  file_.emplace(*std::move(opened));
  day_ = day;
  return {};
}

Status SampleWriter::replace(std::uint64_t day, const Error& why, std::uint64_t wall_seconds) {
  file_.reset();
  const std::string path = samples_path(directory_, day);
  CGW_ASSIGN(std::string notice, move_aside(path, why.detail, wall_seconds));
  notices_.push_back(std::move(notice));
  CGW_ASSIGN(SampleFileWriter writer, SampleFileWriter::open(path));
  file_.emplace(std::move(writer));
  day_ = day;
  return {};
}

Status SampleWriter::store(const RingSegment& segment, std::uint64_t wall_seconds) {
  if (segment.ticks().empty()) return {};
  CGW_TRY(check_space(directory_));
  const std::uint64_t day = segment.ticks().front() / kDayMs;
  CGW_TRY(open(day, wall_seconds));
  const SampleFileWriter::Cut cut{segment.id(), segment.ticks(), segment.fields()};
  SegmentSource source(segment);
  auto stored = file_->put(cut, source);
  if (!stored && stored.error().kind == ErrorKind::malformed) {
    CGW_TRY(replace(day, stored.error(), wall_seconds));
    stored = file_->put(cut, source);
  }
  if (!stored) {
    // A connection that failed to write is not trusted with the next one.
    file_.reset();
    return fail(stored.error());
  }
  return {};
}

}  // namespace cgwarden::diagnosis::recording
