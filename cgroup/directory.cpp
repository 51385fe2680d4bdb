#include "cgroup/directory.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

#include "base/file.h"

namespace cgwarden::cgroup {
namespace {

// d_type, asked of the inode where the file system does not say.
unsigned char type_of(int dir, const dirent& entry) {
  if (entry.d_type != DT_UNKNOWN) return entry.d_type;
  struct stat status{};
  if (::fstatat(dir, entry.d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) return DT_UNKNOWN;
  return static_cast<unsigned char>(IFTODT(status.st_mode));
}

}  // namespace

Result<Directory> Directory::open(int parent, const std::string& name) {
  CGW_ASSIGN(UniqueFd fd, open_at(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return fail(Error::from_errno(errno, "stat", name));
  Directory directory;
  directory.inode_ = status.st_ino;
  directory.device_ = status.st_dev;
  directory.dir_.reset(::fdopendir(fd.get()));
  if (!directory.dir_) return fail(Error::from_errno(errno, "open", name));
  std::ignore = fd.release();
  CGW_TRY(directory.list(name));
  return directory;
}

Status Directory::list(const std::string& where) {
  bool alive = false;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(dir_.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") {
      alive = true;
      continue;
    }
    const unsigned char type = type_of(fd(), *entry);
    if (type == DT_DIR) listing_.children.emplace_back(name);
    if (type == DT_REG) listing_.files.emplace_back(name);
  }
  if (errno != 0) return fail(Error::from_errno(errno, "list", where));
  // getdents(2) of a removed directory fails with ENOENT, which glibc shows as an empty listing; a
  // living one has at least "." in it.
  if (!alive) return fail(Error::from_errno(ENOENT, "list", where));
  std::sort(listing_.children.begin(), listing_.children.end());
  return {};
}

}  // namespace cgwarden::cgroup
