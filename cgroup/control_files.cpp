#include "cgroup/control_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/file.h"
#include "base/limits.h"

namespace cgwarden::cgroup {

Result<UniqueFd> KernelFiles::open_cgroup(const Tree& tree, std::string_view path) {
  return tree.open_cgroup(path);
}

Result<Listing> KernelFiles::list(int directory) {
  CGW_ASSIGN(Directory opened, Directory::open(directory, "."));
  return std::move(opened).release();
}

Result<UniqueFd> KernelFiles::open(int directory, std::string_view file) {
  return open_at(directory, std::string(file), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
}

Result<std::size_t> KernelFiles::read(int fd, std::span<char> buffer, std::string_view file) {
  ssize_t count = 0;
  do {
    count = ::pread(fd, buffer.data(), buffer.size(), 0);
  } while (count < 0 && errno == EINTR);
  if (count < 0) return fail(Error::from_errno(errno, "read", std::string(file)));
  return static_cast<std::size_t>(count);
}

Result<std::string_view> read_whole(ControlFiles& files, int fd, std::vector<char>& buffer,
                                    std::string_view file) {
  constexpr std::size_t kPage = 4096;  // all but memory.stat and io.stat of many devices fit
  if (buffer.size() < kPage) buffer.resize(kPage);
  for (;;) {
    CGW_ASSIGN(const std::size_t count, files.read(fd, buffer, file));
    // A buffer that comes back full may have cut the text.
    if (count < buffer.size()) return std::string_view(buffer.data(), count);
    if (buffer.size() >= limits::kControlFileBytes) {
      return fail(Error::invalid(
          "read", std::string(file),
          "it is larger than " + std::to_string(limits::kControlFileBytes) + " bytes"));
    }
    buffer.resize(buffer.size() * 2);
  }
}

}  // namespace cgwarden::cgroup
