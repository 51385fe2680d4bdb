#include "cgroup/tree.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cerrno>

#include "base/file.h"
#include "cgroup/directory.h"
#include "cgroup/path_walk.h"
#include "cgroup/sample_reader.h"
#include "cgroup/snapshot_walk.h"

namespace cgwarden::cgroup {

Result<Tree> Tree::open(const std::string& root, bool check_magic) {
  CGW_ASSIGN(UniqueFd fd, open_at(AT_FDCWD, root, O_PATH | O_DIRECTORY));
  if (check_magic) {
    struct statfs status{};
    if (::fstatfs(fd.get(), &status) != 0) return fail(Error::from_errno(errno, "statfs", root));
    if (status.f_type != CGROUP2_SUPER_MAGIC) {
      return fail(Error{ErrorKind::not_supported, 0, "use", root,
                        "it is not a cgroup v2 file system (cgroup2)"});
    }
  }
  std::string name = root;
  while (name.size() > 1 && name.ends_with('/')) name.pop_back();
  return Tree(std::move(name), std::move(fd));
}

Result<UniqueFd> Tree::open_cgroup(std::string_view path) const {
  CGW_ASSIGN(const std::string relative, relative_path(path));
  return open_beneath(root_fd_.get(), relative, root_ + std::string(path));
}

Result<CgroupId> Tree::id_of(std::string_view path) const {
  CGW_ASSIGN(const UniqueFd fd, open_cgroup(path));
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) {
    return fail(Error::from_errno(errno, "stat", root_ + std::string(path)));
  }
  return CgroupId{status.st_ino};
}

Result<std::string> Tree::read(std::string_view path, const std::string& file) const {
  CGW_TRY(check_file_name(file));
  CGW_ASSIGN(const UniqueFd cgroup, open_cgroup(path));
  const std::string where = display_path(root_, path, file);
  const auto fd = open_at(cgroup.get(), file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (!fd) return fail(Error::from_errno(fd.error().errno_value, "open", where));
  // Only the lists of processes and threads grow with what runs inside.
  const bool list = file == "cgroup.procs" || file == "cgroup.threads";
  return read_all(fd->get(), where, list ? limits::kProcsFileBytes : limits::kControlFileBytes);
}

Result<Sample> Tree::read_sample(std::string_view path, FileGroups groups) const {
  CGW_ASSIGN(const UniqueFd cgroup, open_cgroup(path));
  const auto directory = Directory::open(cgroup.get(), ".");
  Error error;
  if (directory) {
    Sample sample;
    sample.id = CgroupId{directory->inode()};
    sample.path = std::string(path);
    const Status status =
        read_files(directory->fd(), directory->files(), read_control_file, sample, groups);
    if (status) return sample;
    error = status.error();
  } else {
    error = directory.error();
  }
  error.where = display_path(root_, path, error.where);
  return fail(std::move(error));
}

Snapshot Tree::read_snapshot(TimePoint now, const std::function<bool(std::string_view)>& keep,
                             std::size_t max_cgroups, FileGroups groups) const {
  return walk(root_fd_.get(), now, {keep, max_cgroups, limits::kCgroupDepth, groups},
              read_control_file);
}

}  // namespace cgwarden::cgroup
