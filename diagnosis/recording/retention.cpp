#include "diagnosis/recording/retention.h"

#include <algorithm>

namespace cgwarden::diagnosis::recording {
namespace {

std::uint64_t total(const std::vector<DayFile>& files, std::uint64_t writing,
                    std::uint64_t writing_bytes) {
  std::uint64_t bytes = 0;
  for (const DayFile& file : files) {
    const bool written = file.kind == DayFile::Kind::samples && file.day == writing;
    bytes += written && writing_bytes > 0 ? writing_bytes : file.bytes;
  }
  return bytes;
}

}  // namespace

RetentionStep next_step(const std::vector<DayFile>& files, const Retention& wanted,
                        std::uint64_t today, std::uint64_t writing, std::uint64_t writing_bytes) {
  using enum RetentionStep::Kind;
  const bool over = total(files, writing, writing_bytes) > wanted.bytes;
  const auto written = [&](const DayFile& file) {
    return file.kind == DayFile::Kind::samples && file.day == writing;
  };
  for (const DayFile& file : files) {
    const bool old = file.day + wanted.age_days < today;
    const bool aside = file.kind == DayFile::Kind::aside;
    if (!written(file) && (old || (over && aside))) return {remove, file.path, file.day};
  }
  for (const DayFile& file : files) {
    if (file.kind != DayFile::Kind::samples || written(file)) continue;
    if (over || file.day + wanted.rollup_days <= today) return {roll_up, {}, file.day};
  }
  if (!over) return {};
  for (const DayFile& file : files) {
    if (!written(file)) return {remove, file.path, file.day};
  }
  return {drop_oldest, {}, writing};
}

Result<bool> Keeper::roll_up() {
  auto more = rollup_->step();
  if (!more) {
    const std::uint64_t day = rollup_->day();
    rollup_.reset();
    refused_ = day;
    return fail(more.error());
  }
  if (!*more) {
    notices_.push_back("the samples of " + day_text(rollup_->day()) +
                       " are kept in steps of 10 s from now on");
    rollup_.reset();
  }
  return true;
}

Result<bool> Keeper::step(SampleWriter& writer, std::uint64_t wall_ms) {
  if (rollup_) return roll_up();
  CGW_ASSIGN(auto files, list_day_files(writer.directory()));
  std::uint64_t used = 0;
  if (writer.current() != nullptr) {
    CGW_ASSIGN(used, writer.current()->used_bytes());
  }
  bytes_ = 0;
  for (const DayFile& file : files) bytes_ += file.bytes;
  // One that cannot be rolled up stays as it is until it must go.
  if (refused_) {
    for (DayFile& file : files) {
      if (file.day == *refused_) file.kind = DayFile::Kind::rollup;
    }
  }
  const RetentionStep next =
      next_step(files, wanted_, wall_ms / kDayMs, writer.current_day(), used);
  switch (next.kind) {
    case RetentionStep::Kind::nothing:
      return false;
    case RetentionStep::Kind::remove:
      CGW_TRY(remove_day_file(next.path));
      notices_.push_back("removed " + next.path + ", the oldest of the recording");
      return true;
    case RetentionStep::Kind::roll_up: {
      auto begun = Rollup::begin(writer.directory(), next.day);
      if (!begun) {
        refused_ = next.day;
        return fail(begun.error());
      }
      rollup_.emplace(*std::move(begun));
      return true;
    }
    case RetentionStep::Kind::drop_oldest:
      return writer.current() != nullptr ? writer.current()->drop_oldest() : false;
  }
  return false;
}

}  // namespace cgwarden::diagnosis::recording
