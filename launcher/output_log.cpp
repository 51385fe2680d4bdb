#include "launcher/output_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <utility>

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"

namespace cgwarden::launcher {
namespace {

constexpr int kFileFlags = O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW;
constexpr mode_t kFileMode = 0640;
constexpr const char* kTimes = ".times";
// A file that is about to take the place of the full one.
constexpr const char* kNew = ".new";

using TimeRecord = std::array<std::uint64_t, 2>;  // wall clock, offset

Result<std::size_t> size_of(int fd, const std::string& path) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) return fail(Error::from_errno(errno, "stat", path));
  return static_cast<std::size_t>(status.st_size);
}

// Takes away what a full disk has let through of a record: all that came after it would be read at
// the wrong places.
Status cut_partial_record(int times, const std::string& path) {
  CGW_ASSIGN(const std::size_t size, size_of(times, path));
  const std::size_t whole = size - size % sizeof(TimeRecord);
  if (whole == size || ::ftruncate(times, static_cast<off_t>(whole)) == 0) return {};
  return fail(Error::from_errno(errno, "truncate", path));
}

}  // namespace

Status OutputLog::open_files(const std::string& path, int extra_flags) {
  CGW_ASSIGN(UniqueFd file, open_at(AT_FDCWD, path, kFileFlags | extra_flags, kFileMode));
  CGW_ASSIGN(const std::size_t size, size_of(file.get(), path));
  CGW_ASSIGN(UniqueFd times, open_at(AT_FDCWD, path + kTimes, kFileFlags | extra_flags, kFileMode));
  CGW_TRY(cut_partial_record(times.get(), path + kTimes));
  file_ = std::move(file);
  size_ = size;
  times_ = std::move(times);
  noted_second_ = 0;
  return {};
}

Result<OutputLog> OutputLog::open(std::string path, std::size_t tail_bytes,
                                  const LogSettings& settings, const std::string& journal_fields) {
  OutputLog log;
  log.path_ = std::move(path);
  log.settings_ = settings;
  if (settings.journal) {
    CGW_ASSIGN(log.journal_, Journal::open(journal_fields));
  } else {
    CGW_TRY(log.open_files(log.path_, 0));
  }
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return fail(Error::from_errno(errno, "make a pipe for", log.path_));
  }
  log.read_end_.reset(ends[0]);
  log.write_end_.reset(ends[1]);
  if (::fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) {
    return fail(Error::from_errno(errno, "set up a pipe for", log.path_));
  }
  log.tail_bytes_ = tail_bytes;
  return log;
}

pollfd OutputLog::wait() const {
  if (copy_waits()) return {copy_.get(), POLLOUT, 0};
  return {read_end_.get(), POLLIN, 0};
}

// True when nothing waits. The descriptor is shared with the caller and may not be made
// non-blocking: a write of PIPE_BUF after POLLOUT does not block (pipe(7)).
bool OutputLog::give_copy() {
  while (!waiting_.empty()) {
    pollfd writable{copy_.get(), POLLOUT, 0};
    if (::poll(&writable, 1, 0) <= 0) return false;
    const std::size_t most = std::min<std::size_t>(waiting_.size(), PIPE_BUF);
    const ssize_t count = ::write(copy_.get(), waiting_.data(), most);
    if (count > 0) {
      waiting_.erase(0, static_cast<std::size_t>(count));
    } else if (errno != EINTR && errno != EAGAIN) {
      copy_.reset();
      waiting_.clear();
    }
  }
  return true;
}

void OutputLog::pump() {
  if (!give_copy()) return;
  constexpr int kReads = 16;
  std::array<char, 65536> buffer;  // the default size of a pipe
  for (int i = 0; i < kReads && read_end_.valid(); ++i) {
    const ssize_t count = ::read(read_end_.get(), buffer.data(), buffer.size());
    if (count > 0) {
      append(std::string_view(buffer.data(), static_cast<std::size_t>(count)));
      if (!give_copy()) return;
    } else if (count == 0) {
      if (journal_) journal_->flush();
      read_end_.reset();
    } else if (errno != EINTR) {
      if (errno != EAGAIN) read_end_.reset();
      return;
    }
  }
}

void OutputLog::append(std::string_view bytes) {
  if (copy_.valid()) waiting_ = bytes;
  total_ += bytes.size();
  if (bytes.size() >= tail_bytes_) {
    tail_ = bytes.substr(bytes.size() - tail_bytes_);
  } else {
    tail_ += bytes;
    if (tail_.size() > tail_bytes_) tail_.erase(0, tail_.size() - tail_bytes_);
  }
  if (journal_) {
    journal_->write(bytes);
  } else {
    write_file(bytes);
  }
}

void OutputLog::write_file(std::string_view bytes) {
  if (size_ >= settings_.max_bytes) rotate();
  note_time();
  while (!bytes.empty()) {
    const ssize_t count = ::write(file_.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    size_ += static_cast<std::size_t>(count);
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  dropped_ += bytes.size();
}

// Without it a reader cannot tell the times: no reason to lose output.
void OutputLog::note_time() {
  const std::uint64_t wall_usec = SystemClock().now().wall.count();
  if (wall_usec / 1000000U == noted_second_) return;
  noted_second_ = wall_usec / 1000000U;
  const TimeRecord record{wall_usec, size_};
  const ssize_t count = ::write(times_.get(), record.data(), sizeof(record));
  if (count <= 0 || count == static_cast<ssize_t>(sizeof(record))) return;
  if (!cut_partial_record(times_.get(), path_ + kTimes)) times_.reset();
}

// The new file is there before the old one gives its name up, and nothing takes its place before it
// has another: on a full disk, without a descriptor left, or with something else in the way,
// writing goes on in the old one rather than lose output.
void OutputLog::rotate() {
  const std::string fresh = path_ + kNew;
  UniqueFd old_file = std::move(file_);
  UniqueFd old_times = std::move(times_);
  const auto old_size = size_;
  const auto go_on = [&] {
    file_ = std::move(old_file);
    times_ = std::move(old_times);
    size_ = old_size;
  };
  if (!open_files(fresh, O_TRUNC)) return go_on();
  const auto name = [this](unsigned number) { return path_ + "." + std::to_string(number); };
  // The older ones first; most of them are not there yet.
  for (unsigned number = settings_.max_files - 1; number > 1; --number) {
    (void)::rename(name(number - 1).c_str(), name(number).c_str());
    (void)::rename((name(number - 1) + kTimes).c_str(), (name(number) + kTimes).c_str());
  }
  if (settings_.max_files > 1) {
    if (::rename(path_.c_str(), name(1).c_str()) != 0) {
      ::unlink(fresh.c_str());
      ::unlink((fresh + kTimes).c_str());
      return go_on();
    }
    (void)::rename((path_ + kTimes).c_str(), (name(1) + kTimes).c_str());
  }
  (void)::rename((fresh + kTimes).c_str(), (path_ + kTimes).c_str());
  (void)::rename(fresh.c_str(), path_.c_str());
}

}  // namespace cgwarden::launcher
