#include "launcher/rootfs.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <cstring>

#include "launcher/mounts.h"

namespace cgwarden::launcher {
namespace {

Step cut_propagation() {
  mount_attr attributes{};
  attributes.propagation = MS_PRIVATE;
  if (::mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &attributes, sizeof(attributes)) != 0) {
    return failed("rootfs", "mount propagation to the host cannot be cut");
  }
  return {};
}

Step check_rootfs(const std::string& path) {
  if (path.empty() || path.front() != '/') {
    return refused("rootfs", "root.path must be an absolute path");
  }
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) {
      return failed("rootfs", path + "; unpack an image there or correct root.path");
    }
    return failed("rootfs", path);
  }
  if (!S_ISDIR(status.st_mode)) {
    errno = ENOTDIR;
    return failed("rootfs", path + "; unpack an image into a directory and name that");
  }
  return {};
}

}  // namespace

StepResult<UniqueFd> open_rootfs(const Spec& spec) {
  CGW_TRY(check_rootfs(spec.root_path));
  CGW_TRY(cut_propagation());
  MountOptions options;
  options.recursive = true;
  options.recursive_set = MOUNT_ATTR_NODEV;
  auto root = bind_mount(AT_FDCWD, spec.root_path, options);
  if (!root) {
    root.error().stage = "rootfs";
    return root;
  }
  if (::move_mount(root->get(), "", AT_FDCWD, spec.root_path.c_str(), MOVE_MOUNT_F_EMPTY_PATH) !=
      0) {
    return failed("rootfs", spec.root_path + " cannot be made a mount point");
  }
  return root;
}

Step enter_rootfs(int root, const Spec& spec) {
  if (spec.root_readonly) {
    mount_attr attributes{};
    attributes.attr_set = MOUNT_ATTR_RDONLY;
    if (::mount_setattr(root, "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) != 0) {
      return failed("rootfs", spec.root_path + " cannot be made read-only");
    }
  }
  if (::fchdir(root) != 0) return failed("pivot_root", spec.root_path);
  // pivot_root(".", ".") stacks the old root on the new one, from where it is detached by ".".
  if (::syscall(SYS_pivot_root, ".", ".") != 0) {
    return failed(
        "pivot_root",
        spec.root_path + (errno == EINVAL ? " (the host's root may not be an initramfs)" : ""));
  }
  if (::umount2(".", MNT_DETACH) != 0) return failed("pivot_root", "the old root stays mounted");
  if (::chdir("/") != 0) return failed("pivot_root", "/");
  return {};
}

Step enter_working_directory(const Process& process) {
  const std::string& cwd = process.cwd;
  if (!cwd.starts_with('/')) return refused("cwd", cwd + " is not an absolute path");
  if (::chdir(cwd.c_str()) != 0) return failed("cwd", cwd + " inside the root file system");
  std::array<char, PATH_MAX> where{};
  if (::syscall(SYS_getcwd, where.data(), where.size()) < 0) return failed("cwd", cwd);
  if (where.front() != '/') return refused("cwd", cwd + " is outside of the root file system");
  return {};
}

}  // namespace cgwarden::launcher
