#include "launcher/path_in_root.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
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

// What the symbolic link `name` in `directory`, which is `parent` in the root, stands for; "" when
// it is none.
std::string link_target(int directory, const std::string& parent, const std::string& name) {
  std::array<char, PATH_MAX> target{};
  if (::readlinkat(directory, name.c_str(), target.data(), target.size() - 1) <= 0) return {};
  return target.front() == '/' ? target.data() : parent + "/" + target.data();
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

// A link may lead to the next, as often as in the kernel (MAXSYMLINKS).
constexpr unsigned kMaxSymlinks = 40;

// Makes what is missing of `path`. Where a symbolic link leads to nothing, that is made. Every
// prefix is resolved from the root again: a link in it may lead anywhere inside.
Status make_missing(int root, const std::string& path, TargetKind kind, bool follow_symlinks,
                    unsigned links_left) {
  UniqueFd directory;
  std::string parent;
  const auto pieces = split(path, '/');
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const std::string_view piece = pieces[i];
    if (piece.empty() || piece == ".") continue;
    if (piece == ".." && links_left == kMaxSymlinks) {
      return fail(Error::invalid("create", path, "a missing path may not contain '..'"));
    }
    const std::string name(piece);
    const std::string whole = parent + "/" + name;
    auto there = open_path(root, whole, 0, resolve_flags(follow_symlinks));
    if (!there) {
      const TargetKind wanted = i + 1 == pieces.size() ? kind : TargetKind::directory;
      const int in = directory.valid() ? directory.get() : root;
      const std::string link = follow_symlinks ? link_target(in, parent, name) : "";
      if (link.empty()) {
        CGW_TRY(make_one(in, name, wanted, whole));
      } else if (links_left > 0) {
        CGW_TRY(make_missing(root, link, wanted, follow_symlinks, links_left - 1));
      }
      if (i + 1 == pieces.size()) return {};
      there = open_path(root, whole, 0, resolve_flags(follow_symlinks));
      if (!there) return fail(there.error());
    }
    directory = std::move(*there);
    parent = whole;
  }
  return {};
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
  const auto how = resolve_flags(follow_symlinks);
  auto opened = open_path(root, path, 0, how);
  if (opened || opened.error().errno_value != ENOENT) return opened;
  CGW_TRY(make_missing(root, path, kind, follow_symlinks, kMaxSymlinks));
  return open_path(root, path, 0, resolve_flags(follow_symlinks));
}

}  // namespace cgwarden::launcher
