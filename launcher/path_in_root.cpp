#include "launcher/path_in_root.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

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

Status make_one(int directory, const std::string& name, TargetKind kind, const std::string& shown) {
  if (kind == TargetKind::directory) {
    if (::mkdirat(directory, name.c_str(), 0755) == 0 || errno == EEXIST) return {};
  } else {
    const UniqueFd file(::openat(directory, name.c_str(),
                                 O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_WRONLY, 0644));
    if (file.valid() || errno == EEXIST) return {};
  }
  return fail(Error::from_errno(errno, "create", shown));
}

bool is_name(std::string_view piece) { return !piece.empty() && piece != "."; }

}  // namespace

Result<UniqueFd> open_in_root(int root, const std::string& path, int extra_flags) {
  return open_path(root, path, extra_flags, resolve_flags(true));
}

Result<UniqueFd> open_in_root_without_symlinks(int root, const std::string& path) {
  return open_path(root, path, 0, resolve_flags(false));
}

Result<UniqueFd> make_in_root(int root, const std::string& path, TargetKind kind,
                              bool follow_symlinks) {
  const auto how = resolve_flags(follow_symlinks);
  auto opened = open_path(root, path, 0, how);
  if (opened || opened.error().errno_value != ENOENT) return opened;
  // Every prefix is resolved from the root again: a symbolic link in it may lead anywhere inside.
  UniqueFd parent;
  std::string whole;
  const auto pieces = split(path, '/');
  const auto last = std::ranges::find_if(pieces.rbegin(), pieces.rend(), is_name);
  for (auto piece = pieces.begin(); piece != last.base(); ++piece) {
    if (!is_name(*piece)) continue;
    if (*piece == "..") {
      return fail(Error::invalid("create", path, "a missing path may not contain '..'"));
    }
    whole += "/";
    whole += *piece;
    const bool is_last = piece + 1 == last.base();
    auto there = is_last ? std::move(opened) : open_path(root, whole, O_DIRECTORY, how);
    if (!there) {  // the last one is known to be missing
      CGW_TRY(make_one(parent.valid() ? parent.get() : root, std::string(*piece),
                       is_last ? kind : TargetKind::directory, whole));
      if (is_last) break;
      there = open_path(root, whole, O_DIRECTORY, how);
      if (!there) return there;
    }
    parent = std::move(*there);
  }
  return open_path(root, path, 0, how);
}

}  // namespace cgwarden::launcher
