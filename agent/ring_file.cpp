#include "agent/ring_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "base/file.h"
#include "diagnosis/recording/ring.h"

namespace cgwarden::agent {

static_assert(std::endian::native == std::endian::little, "words of frames are little-endian");

Result<RingFile> RingFile::create(const std::string& path, std::string_view header,
                                  std::size_t bytes) {
  const std::size_t size = std::max(bytes, diagnosis::recording::aligned(header.size()));
  const std::string unfinished = path + ".new";
  CGW_ASSIGN(const UniqueFd fd,
             open_at(AT_FDCWD, unfinished, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW, 0640));
  if (const int code = ::posix_fallocate(fd.get(), 0, static_cast<off_t>(size)); code != 0) {
    ::unlink(unfinished.c_str());
    return fail(Error::from_errno(code, "reserve space for", unfinished));
  }
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
  if (memory == MAP_FAILED) {
    const int code = errno;
    ::unlink(unfinished.c_str());
    return fail(Error::from_errno(code, "map", unfinished));
  }
  RingFile file;
  file.path_ = path;
  file.memory_ = static_cast<char*>(memory);
  file.size_ = size;
  file.used_ = diagnosis::recording::aligned(header.size());
  std::memcpy(file.memory_, header.data(), header.size());
  if (std::rename(unfinished.c_str(), path.c_str()) != 0) {
    return fail(Error::from_errno(errno, "rename", unfinished));
  }
  return file;
}

RingFile::RingFile(RingFile&& other) noexcept
    : path_(std::move(other.path_)),
      memory_(std::exchange(other.memory_, nullptr)),
      size_(other.size_),
      used_(other.used_) {}

RingFile& RingFile::operator=(RingFile&& other) noexcept {
  if (this == &other) return *this;
  unmap();
  path_ = std::move(other.path_);
  memory_ = std::exchange(other.memory_, nullptr);
  size_ = other.size_;
  used_ = other.used_;
  return *this;
}

RingFile::~RingFile() { unmap(); }

void RingFile::unmap() noexcept {
  if (memory_ != nullptr) ::munmap(memory_, size_);
}

bool RingFile::append(std::string_view frame) {
  using diagnosis::recording::aligned;
  using diagnosis::recording::kFrameHeaderBytes;
  if (frame.empty() || frame.size() > size_ ||
      aligned(frame.size()) + kFrameHeaderBytes > size_ - used_) {
    return false;
  }
  char* const at = memory_ + used_;
  const std::uint32_t sum = diagnosis::recording::crc32_of(frame);
  std::memcpy(at + kFrameHeaderBytes, frame.data(), frame.size());
  std::memcpy(at + 4, &sum, sizeof sum);
  // Last: until its size is there, the frame is not.
  std::atomic_ref(*reinterpret_cast<std::uint32_t*>(at))
      .store(static_cast<std::uint32_t>(frame.size()), std::memory_order_release);
  used_ += kFrameHeaderBytes + aligned(frame.size());
  return true;
}

}  // namespace cgwarden::agent
