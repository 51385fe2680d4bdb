#include "launcher/rootfs.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <cstring>

#include "base/text.h"
#include "launcher/mount_options.h"
#include "launcher/mounts.h"
#include "launcher/path_in_root.h"

namespace cgwarden::launcher {
namespace {

// What the mounts of the host's tree are in here until pivot_root(2) leaves them behind: private,
// or slaves, or as they were. "unbindable" would forbid to bind anything from them.
Step set_host_propagation(Propagation wanted) {
  if (wanted.flag == MS_SHARED) return {};
  mount_attr attributes{};
  attributes.propagation = wanted.flag == MS_SLAVE ? MS_SLAVE : MS_PRIVATE;
  if (::mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &attributes, sizeof(attributes)) != 0) {
    return failed("rootfs", "mount propagation to the host cannot be cut");
  }
  return {};
}

// With the host's mounts still shared: what is mounted on the rootfs directory must not appear
// there on the host too, and pivot_root(2) refuses a shared parent.
Step make_parent_private(const std::string& path) {
  UniqueFd directory(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  while (directory.valid()) {
    struct statx status{};
    if (::statx(directory.get(), "", AT_EMPTY_PATH, STATX_TYPE, &status) != 0) break;
    if ((status.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0) {
      if (set_propagation(directory.get(), {.flag = MS_PRIVATE, .recursive = false})) return {};
      break;
    }
    directory.reset(::openat(directory.get(), "..", O_PATH | O_DIRECTORY | O_CLOEXEC));
  }
  return failed("rootfs", "the mount that holds " + path + " cannot be made private");
}

StepResult<Propagation> rootfs_propagation(const Spec& spec) {
  const Propagation wanted = propagation_of(spec.rootfs_propagation);
  if (wanted.flag == 0 && !spec.rootfs_propagation.empty()) {
    return refused("rootfs", "linux.rootfsPropagation \"" + printable(spec.rootfs_propagation) +
                                 "\" is not shared, slave, private or unbindable");
  }
  return wanted;
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

// The runtime may itself stand in a chroot(2). pivot_root(2) would then exchange that root and
// leave the real one below: who joins the mount namespace later, as exec does, would begin there.
Step go_to_the_top() {
  // A thread that has been joined (network_ahead.cpp) may for a moment still share root and working
  // directory with this one, and the kernel does not move what is shared.
  const UniqueFd self(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
  if (!self.valid() || ::unshare(CLONE_FS) != 0 || ::setns(self.get(), CLONE_NEWNS) != 0) {
    return failed("pivot_root", "the root of the mount namespace cannot be entered");
  }
  return {};
}

Step pivot_to(int root, const Spec& spec, Propagation wanted) {
  const UniqueFd old_root(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!old_root.valid() || ::fchdir(root) != 0) return failed("pivot_root", spec.root_path);
  // pivot_root(".", ".") stacks the old root on the new one, from where it is detached by ".".
  if (::syscall(SYS_pivot_root, ".", ".") != 0) {
    return failed("pivot_root",
                  spec.root_path + (errno == EINVAL ? " (on a host whose root is an initramfs "
                                                      "use --no-pivot)"
                                                    : ""));
  }
  // Detaching a mount that is shared with the host would unmount the host's file systems.
  if (wanted.flag == MS_SHARED &&
      !set_propagation(old_root.get(), {.flag = MS_SLAVE, .recursive = true})) {
    return failed("pivot_root", "the old root cannot be cut off from the host");
  }
  if (::umount2(".", MNT_DETACH) != 0) return failed("pivot_root", "the old root stays mounted");
  return {};
}

// As switch_root(8) does.
Step move_to_top(int root, const Spec& spec) {
  // What is unmounted and moved here must not be so on the host.
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0 || ::fchdir(root) != 0) {
    return failed("chroot", spec.root_path);
  }
  for (const char* view : {"/proc", "/sys"}) {
    if (::umount2(view, MNT_DETACH) != 0 && errno != EINVAL && errno != ENOENT) {
      return failed("chroot", std::string("the host's ") + view + " stays mounted");
    }
  }
  if (::move_mount(root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) != 0 || ::chroot(".") != 0) {
    return failed("chroot", spec.root_path + " cannot be moved to the top");
  }
  return {};
}

StepResult<UniqueFd> detached_rootfs(const Spec& spec, int overlay) {
  if (overlay >= 0) {
    UniqueFd root(::fcntl(overlay, F_DUPFD_CLOEXEC, 0));
    if (!root.valid()) return failed("rootfs", "the overlay");
    return root;
  }
  MountOptions options;
  options.recursive = true;
  // A node in the rootfs (of the image, or made with CAP_MKNOD, which the default set has) opens a
  // device of the host. The cgroup's device rules are what OCI has against that, and with them
  // nodes work as under runc; without any there is only nodev. A container whose /dev is a
  // directory of the rootfs still gets its devices: they are bound (make_devices).
  if (spec.resources.devices.empty()) options.recursive_set = MOUNT_ATTR_NODEV;
  auto root = bind_mount(AT_FDCWD, spec.root_path, options);
  if (!root) root.error().stage = "rootfs";
  return root;
}

}  // namespace

StepResult<UniqueFd> open_rootfs(const Spec& spec, int overlay) {
  CGW_TRY(check_rootfs(spec.root_path));
  CGW_ASSIGN(const Propagation wanted, rootfs_propagation(spec));
  CGW_TRY(set_host_propagation(wanted));
  CGW_ASSIGN(UniqueFd root, detached_rootfs(spec, overlay));
  if (wanted.flag == MS_SHARED) {
    CGW_TRY(make_parent_private(spec.root_path));
    if (!set_propagation(root.get(), {.flag = MS_PRIVATE, .recursive = true})) {
      return failed("rootfs", spec.root_path + " cannot be made private");
    }
  }
  if (::move_mount(root.get(), "", AT_FDCWD, spec.root_path.c_str(), MOVE_MOUNT_F_EMPTY_PATH) !=
      0) {
    return failed("rootfs", spec.root_path + " cannot be made a mount point");
  }
  return root;
}

Step enter_rootfs(int root, const Spec& spec, bool pivot) {
  CGW_ASSIGN(const Propagation wanted, rootfs_propagation(spec));
  // As runc and crun do; when it is not possible chdir(2) says so (enter_working_directory).
  (void)make_in_root(root, spec.process.cwd, TargetKind::directory);
  if (spec.root_readonly) {
    mount_attr attributes{};
    attributes.attr_set = MOUNT_ATTR_RDONLY;
    if (::mount_setattr(root, "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) != 0) {
      return failed("rootfs", spec.root_path + " cannot be made read-only");
    }
  }
  CGW_TRY(go_to_the_top());
  CGW_TRY(pivot ? pivot_to(root, spec, wanted) : move_to_top(root, spec));
  if (::chdir("/") != 0) return failed("pivot_root", "/");
  if (wanted.flag == 0) return {};
  // What is mounted below has its own already (mount_all); unbindable could not be given earlier,
  // since read-only paths are binds.
  const bool below = wanted.recursive && wanted.flag == MS_UNBINDABLE;
  if (!set_propagation(root, {.flag = wanted.flag, .recursive = below})) {
    return failed("rootfs", "linux.rootfsPropagation " + spec.rootfs_propagation);
  }
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
