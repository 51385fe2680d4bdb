#include "launcher/procfs.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "launcher/process_attributes.h"

namespace cgwarden::launcher {
namespace {

// PROC_ROOT_INO of fs/proc: a bind of /proc/sys, or anything else below, has another.
constexpr ino_t kProcRootInode = 1;

bool is_root_of_procfs(int fd) {
  struct statfs file_system{};
  struct stat status{};
  return ::fstatfs(fd, &file_system) == 0 && ::fstat(fd, &status) == 0 &&
         file_system.f_type == PROC_SUPER_MAGIC && status.st_ino == kProcRootInode;
}

UniqueFd fresh_procfs() {
  const UniqueFd context(::fsopen("proc", FSOPEN_CLOEXEC));
  if (!context.valid() ||
      ::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    return {};
  }
  return UniqueFd(::fsmount(context.get(), FSMOUNT_CLOEXEC,
                            MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC));
}

}  // namespace

StepResult<UniqueFd> open_procfs() {
  UniqueFd procfs = fresh_procfs();
  if (!procfs.valid()) {
    // In a user namespace that does not own the pid namespace, or under a procfs with covered
    // files, the kernel permits no fresh one; before pivot_root(2) the host's is there to use.
    procfs.reset(::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!procfs.valid()) return failed("procfs", "neither a fresh one nor /proc can be opened");
  }
  if (!is_root_of_procfs(procfs.get())) return refused("procfs", "/proc is not a procfs");
  return procfs;
}

UniqueFd open_in_procfs(int procfs, const std::string& path, int flags) {
  open_how how{};
  how.flags = static_cast<unsigned long long>(flags | O_CLOEXEC);
  // thread-self is a plain symlink that stays beneath; a mount on the way is an attack.
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
  return UniqueFd(
      static_cast<int>(::syscall(SYS_openat2, procfs, path.c_str(), &how, sizeof(how))));
}

}  // namespace cgwarden::launcher
