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

#include "base/file.h"
#include "base/limits.h"

namespace cgwarden::launcher {
namespace {

constexpr int kFileFlags = O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW;
constexpr mode_t kFileMode = 0640;

}  // namespace

Result<OutputLog> OutputLog::open(std::string path, std::size_t tail_bytes) {
  OutputLog log;
  CGW_ASSIGN(log.file_, open_at(AT_FDCWD, path, kFileFlags, kFileMode));
  struct stat status{};
  if (::fstat(log.file_.get(), &status) != 0) return fail(Error::from_errno(errno, "stat", path));
  log.size_ = static_cast<std::size_t>(status.st_size);
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return fail(Error::from_errno(errno, "make a pipe for", path));
  }
  log.read_end_.reset(ends[0]);
  log.write_end_.reset(ends[1]);
  if (::fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) {
    return fail(Error::from_errno(errno, "set up a pipe for", path));
  }
  log.path_ = std::move(path);
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
      read_end_.reset();
    } else if (errno != EINTR) {
      if (errno != EAGAIN) read_end_.reset();
      return;
    }
  }
}

void OutputLog::append(std::string_view bytes) {
  if (copy_.valid()) waiting_ = bytes;
  if (bytes.size() >= tail_bytes_) {
    tail_ = bytes.substr(bytes.size() - tail_bytes_);
  } else {
    tail_ += bytes;
    if (tail_.size() > tail_bytes_) tail_.erase(0, tail_.size() - tail_bytes_);
  }
  if (size_ >= limits::kOutputLogBytes) rotate();
  while (!bytes.empty()) {
    const ssize_t count = ::write(file_.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    size_ += static_cast<std::size_t>(count);
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  dropped_ += bytes.size();
}

void OutputLog::rotate() {
  const std::string older = path_ + ".1";
  if (::rename(path_.c_str(), older.c_str()) != 0) return;
  auto fresh = open_at(AT_FDCWD, path_, kFileFlags, kFileMode);
  if (!fresh) {
    // Keep writing to the old file under its old name rather than lose output.
    (void)::rename(older.c_str(), path_.c_str());
    return;
  }
  file_ = std::move(*fresh);
  size_ = 0;
}

}  // namespace cgwarden::launcher
