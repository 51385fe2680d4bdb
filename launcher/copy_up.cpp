#include "launcher/copy_up.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <climits>
#include <memory>
#include <string>
#include <vector>

#include "base/unique_directory.h"
#include "base/unique_fd.h"

namespace cgwarden::launcher {
namespace {

// Every level keeps two descriptors open; deeper trees are somebody's attack on the default limit
// of 1024.
constexpr int kDeepest = 128;

std::unexpected<LaunchError> copy_failed(const std::string& name) {
  return failed("mount", "tmpcopyup: " + name + " cannot be copied");
}

// Best effort: a tmpfs before Linux 6.6 has no user.*, and some names are the file system's own.
void copy_attributes(int from, int to) {
  std::vector<char> names(XATTR_LIST_MAX);
  const ssize_t size = ::flistxattr(from, names.data(), names.size());
  if (size <= 0) return;
  std::vector<char> value(XATTR_SIZE_MAX);
  for (std::size_t at = 0; at < static_cast<std::size_t>(size);) {
    const std::string name(names.data() + at);
    at += name.size() + 1;
    const ssize_t length = ::fgetxattr(from, name.c_str(), value.data(), value.size());
    if (length >= 0) {
      ::fsetxattr(to, name.c_str(), value.data(), static_cast<std::size_t>(length), 0);
    }
  }
}

// The owner first: chown(2) takes set-user-id bits and file capabilities away.
Step copy_metadata(int from, int to, const struct stat& status, const std::string& name) {
  if (::fchown(to, status.st_uid, status.st_gid) != 0 ||
      ::fchmod(to, status.st_mode & 07777U) != 0) {
    return copy_failed(name);
  }
  copy_attributes(from, to);
  return {};
}

Step copy_file(int from, int to, const struct stat& status, const std::string& name) {
  const UniqueFd source(::openat(from, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  const UniqueFd target(
      ::openat(to, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!source.valid() || !target.valid()) return copy_failed(name);
  constexpr std::size_t kChunk = 1U << 30U;
  ssize_t sent = 0;
  do {
    sent = ::sendfile(target.get(), source.get(), nullptr, kChunk);
  } while (sent > 0 || (sent < 0 && errno == EINTR));
  if (sent < 0) return copy_failed(name);
  return copy_metadata(source.get(), target.get(), status, name);
}

Step copy_link(int from, int to, const struct stat& status, const std::string& name) {
  std::string target(PATH_MAX, '\0');
  const ssize_t size = ::readlinkat(from, name.c_str(), target.data(), target.size());
  if (size < 0) return copy_failed(name);
  target.resize(static_cast<std::size_t>(size));
  if (::symlinkat(target.c_str(), to, name.c_str()) != 0 ||
      ::fchownat(to, name.c_str(), status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW) != 0) {
    return copy_failed(name);
  }
  return {};
}

Step copy_fifo(int to, const struct stat& status, const std::string& name) {
  // umask(2) is 0 while a container is made; the owner is set on the name, which nobody else sees
  // yet: `to` is not mounted anywhere.
  if (::mkfifoat(to, name.c_str(), status.st_mode & 07777U) != 0 ||
      ::fchownat(to, name.c_str(), status.st_uid, status.st_gid, AT_SYMLINK_NOFOLLOW) != 0) {
    return copy_failed(name);
  }
  return {};
}

Step copy_content(int from, int to, int depth);

Step copy_directory(int from, int to, const struct stat& status, const std::string& name,
                    int depth) {
  if (::mkdirat(to, name.c_str(), 0700) != 0) return copy_failed(name);
  const UniqueFd source(
      ::openat(from, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  const UniqueFd target(
      ::openat(to, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!source.valid() || !target.valid()) return copy_failed(name);
  CGW_TRY(copy_content(source.get(), target.get(), depth + 1));
  return copy_metadata(source.get(), target.get(), status, name);
}

Step copy_entry(int from, int to, const std::string& name, int depth) {
  struct stat status{};
  if (::fstatat(from, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return copy_failed(name);
  switch (status.st_mode & S_IFMT) {
    case S_IFDIR:
      return copy_directory(from, to, status, name, depth);
    case S_IFREG:
      return copy_file(from, to, status, name);
    case S_IFLNK:
      return copy_link(from, to, status, name);
    case S_IFIFO:
      return copy_fifo(to, status, name);
    default:
      return {};
  }
}

Step copy_content(int from, int to, int depth) {
  if (depth > kDeepest) {
    return refused("mount", "tmpcopyup: directories deeper than " + std::to_string(kDeepest) +
                                " are not copied");
  }
  const UniqueDirectory directory =
      open_directory_stream(UniqueFd(::openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
  if (!directory) return copy_failed("the directory");
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(directory.get());
    if (entry == nullptr) break;
    const std::string name(static_cast<const char*>(entry->d_name));
    if (name != "." && name != "..") CGW_TRY(copy_entry(from, to, name, depth));
  }
  if (errno != 0) return copy_failed("the directory");
  return {};
}

}  // namespace

Step copy_up(int from, int to) { return copy_content(from, to, 0); }

}  // namespace cgwarden::launcher
