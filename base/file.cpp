#include "base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

namespace cgwarden {

Result<UniqueFd> open_at(int dir, const std::string& path, int flags, mode_t mode) {
  const int fd = ::openat(dir, path.c_str(), flags | O_CLOEXEC, mode);
  if (fd < 0) return fail(Error::from_errno(errno, "open", path));
  return UniqueFd(fd);
}

Result<std::string> read_all(int fd, const std::string& where, std::size_t max_bytes) {
  std::string text;
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t count = ::read(fd, buffer.data(), buffer.size());
    if (count < 0) {
      if (errno == EINTR) continue;
      return fail(Error::from_errno(errno, "read", where));
    }
    if (count == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(count));
    if (text.size() > max_bytes) {
      return fail(Error::invalid("read", where,
                                 "it is larger than " + std::to_string(max_bytes) + " bytes"));
    }
  }
}

Result<std::string> read_file_at(int dir, const std::string& path, std::size_t max_bytes) {
  CGW_ASSIGN(const UniqueFd fd, open_at(dir, path, O_RDONLY));
  return read_all(fd.get(), path, max_bytes);
}

Result<std::string> read_file(const std::string& path, std::size_t max_bytes) {
  return read_file_at(AT_FDCWD, path, max_bytes);
}

Status write_all(int fd, std::string_view bytes, const std::string& where) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0) {
      if (errno == EINTR) continue;
      return fail(Error::from_errno(errno, "write", where));
    }
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

Status write_file_atomically(const std::string& path, std::string_view text, mode_t mode) {
  const std::string temporary = path + ".tmp." + std::to_string(::getpid());
  {
    CGW_ASSIGN(const UniqueFd fd,
               open_at(AT_FDCWD, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode));
    Status written = write_all(fd.get(), text, temporary);
    if (written && ::fsync(fd.get()) != 0) {
      written = fail(Error::from_errno(errno, "sync", temporary));
    }
    if (!written) {
      ::unlink(temporary.c_str());
      return written;
    }
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    const Error error = Error::from_errno(errno, "rename", temporary + " to " + path);
    ::unlink(temporary.c_str());
    return fail(error);
  }
  return {};
}

Result<UniqueFd> memory_file(std::string_view text) {
  UniqueFd file(::memfd_create("cgwarden", MFD_CLOEXEC));
  if (!file.valid()) return fail(Error::from_errno(errno, "make", "a memfd"));
  CGW_TRY(write_all(file.get(), text, "a memfd"));
  if (::lseek(file.get(), 0, SEEK_SET) != 0) {
    return fail(Error::from_errno(errno, "rewind", "a memfd"));
  }
  return file;
}

Status make_directories(const std::string& path, mode_t mode) {
  std::string prefix;
  std::size_t at = 0;
  while (at < path.size()) {
    const std::size_t slash = path.find('/', at + 1);
    prefix = path.substr(0, slash);
    if (!prefix.empty() && ::mkdir(prefix.c_str(), mode) != 0 && errno != EEXIST) {
      return fail(Error::from_errno(errno, "create directory", prefix));
    }
    if (slash == std::string::npos) break;
    at = slash;
  }
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) {
    return fail(Error::from_errno(ENOTDIR, "create directory", path));
  }
  return {};
}

}  // namespace cgwarden
