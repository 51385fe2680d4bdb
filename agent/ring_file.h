#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

namespace cgwarden::agent {

// A segment of the ring (diagnosis/recording/ring.h) as a mapped file that is written. What was
// appended survives this process: the kernel has it.
class RingFile {
 public:
  // PATH is complete from the moment it is there. `bytes` are reserved, so that a full file system
  // is an error here and no SIGBUS later.
  [[nodiscard]] static Result<RingFile> create(const std::string& path, std::string_view header,
                                               std::size_t bytes);
  RingFile(RingFile&& other) noexcept;
  RingFile& operator=(RingFile&& other) noexcept;
  ~RingFile();

  // false: there is no room for it.
  [[nodiscard]] bool append(std::string_view frame);
  [[nodiscard]] std::size_t used() const { return used_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  RingFile() = default;
  void unmap() noexcept;

  std::string path_;
  char* memory_ = nullptr;
  std::size_t size_ = 0;
  std::size_t used_ = 0;
};

}  // namespace cgwarden::agent
