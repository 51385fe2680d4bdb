#include "cgroup/path_walk.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.h"
#include "base/text.h"
#include "cgroup/quote.h"

namespace cgwarden::cgroup {
namespace {

Error open_error(int errno_value, const std::string& where) {
  switch (errno_value) {
    case ELOOP:
      return Error::invalid("open", where, "a symbolic link stands in the path");
    case EXDEV:
      return Error::invalid("open", where, "another file system is mounted in the path");
    case ENOTDIR:
      return Error::invalid("open", where, "it is not a directory");
    default:
      return Error::from_errno(errno_value, "open", where);
  }
}

}  // namespace

Result<std::string> relative_path(std::string_view path) {
  const auto refuse = [&](std::string detail) {
    return fail(Error::invalid("open", quote(path), std::move(detail)));
  };
  if (!path.starts_with('/')) return refuse("a cgroup path starts with /");
  if (path.find('\0') != std::string_view::npos) return refuse("it holds a NUL byte");
  path.remove_prefix(1);
  if (path.empty()) return std::string(".");
  for (const std::string_view component : split(path, '/')) {
    if (component.empty() || component == "." || component == "..") {
      return refuse("a cgroup path has no empty, . or .. component");
    }
  }
  return std::string(path);
}

Result<UniqueFd> open_beneath(int root, const std::string& relative, const std::string& where) {
  open_how how{};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
  const long fd = ::syscall(SYS_openat2, root, relative.c_str(), &how, sizeof how);
  if (fd >= 0) return UniqueFd(static_cast<int>(fd));
  // EPERM is how older container seccomp profiles refuse a system call they do not know.
  if (errno == ENOSYS || errno == EPERM) return open_by_component(root, relative, where);
  return fail(open_error(errno, where));
}

Result<UniqueFd> open_by_component(int root, const std::string& relative,
                                   const std::string& where) {
  struct stat top{};
  if (::fstat(root, &top) != 0) return fail(open_error(errno, where));
  UniqueFd current;
  for (const std::string_view component : split(relative, '/')) {
    // O_PATH|O_NOFOLLOW would open a symlink itself; O_DIRECTORY turns that into ENOTDIR.
    const int fd = ::openat(current.valid() ? current.get() : root, std::string(component).c_str(),
                            O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return fail(open_error(errno, where));
    current.reset(fd);
    struct stat status{};
    if (::fstat(fd, &status) != 0) return fail(open_error(errno, where));
    if (status.st_dev != top.st_dev) return fail(open_error(EXDEV, where));
  }
  return current;
}

Status check_file_name(const std::string& file) {
  if (file.empty() || file == "." || file == ".." || file.find('/') != std::string::npos ||
      file.find('\0') != std::string::npos) {
    return fail(Error::invalid("open", quote(file), "it is not the name of a control file"));
  }
  return {};
}

std::string display_path(const std::string& root, std::string_view path, std::string_view file) {
  std::string text = root + std::string(path);
  if (!text.ends_with('/')) text += '/';
  return text + std::string(file);
}

}  // namespace cgwarden::cgroup
