#include "launcher/path_in_root.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "base/text.h"

namespace cgwarden::launcher {
namespace {

Result<UniqueFd> open_path(int root, const std::string& path, int extra_flags,
                           unsigned long long resolve) {
  open_how how{};
  how.flags = static_cast<unsigned long long>(O_PATH | O_CLOEXEC | extra_flags);
  how.resolve = resolve;
  // EAGAIN: a rename raced with "..", the kernel could not prove that the path stayed inside.
  for (int attempt = 0; attempt < 16; ++attempt) {
    const long fd = ::syscall(SYS_openat2, root, path.c_str(), &how, sizeof(how));
    if (fd >= 0) return UniqueFd(static_cast<int>(fd));
    if (errno != EAGAIN && errno != EINTR) break;
  }
  return fail(Error::from_errno(errno, "open", path));
}

unsigned long long resolve_flags(bool follow_symlinks) {
  return follow_symlinks ? RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS
                         : RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS;
}

Status make_one(int root, const std::string& parent, const std::string& name, TargetKind kind,
                bool follow_symlinks) {
  CGW_ASSIGN(const UniqueFd directory,
             open_path(root, parent, O_DIRECTORY, resolve_flags(follow_symlinks)));
  if (kind == TargetKind::directory) {
    if (::mkdirat(directory.get(), name.c_str(), 0755) == 0 || errno == EEXIST) return {};
  } else {
    const UniqueFd file(::openat(directory.get(), name.c_str(),
                                 O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_WRONLY, 0644));
    if (file.valid() || errno == EEXIST) return {};
  }
  return fail(Error::from_errno(errno, "create", parent + "/" + name));
}

}  // namespace

Result<UniqueFd> open_in_root(int root, const std::string& path, int extra_flags) {
  return open_path(root, path, extra_flags, resolve_flags(true));
}

Result<UniqueFd> open_in_root_without_symlinks(int root, const std::string& path) {
  return open_path(root, path, 0, resolve_flags(false));
}

Result<UniqueFd> make_in_root(int root, const std::string& path, TargetKind kind,
                              bool follow_symlinks) {
  auto opened = open_path(root, path, 0, resolve_flags(follow_symlinks));
  if (opened || opened.error().errno_value != ENOENT) return opened;
  std::string parent = "/";
  const auto pieces = split(path, '/');
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const std::string_view piece = pieces[i];
    if (piece.empty() || piece == ".") continue;
    if (piece == "..") {
      return fail(Error::invalid("create", path, "a missing path may not contain '..'"));
    }
    const std::string name(piece);
    const std::string whole = parent + (parent == "/" ? "" : "/") + name;
    const bool last = i + 1 == pieces.size();
    if (!open_path(root, whole, 0, resolve_flags(follow_symlinks))) {
      CGW_TRY(make_one(root, parent, name, last ? kind : TargetKind::directory, follow_symlinks));
    }
    parent = whole;
  }
  return open_path(root, path, 0, resolve_flags(follow_symlinks));
}

}  // namespace cgwarden::launcher
