#include "cgroup/tracefs.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/statfs.h>

#include <cerrno>

#include "base/file.h"

namespace cgwarden::cgroup {

Result<UniqueFd> open_tracefs() {
  constexpr const char* kMounted = "/sys/kernel/tracing";
  if (auto mounted = open_at(AT_FDCWD, kMounted, O_RDONLY | O_DIRECTORY)) {
    struct statfs info{};
    if (::fstatfs(mounted->get(), &info) == 0 && info.f_type == TRACEFS_MAGIC) return mounted;
  }
  const UniqueFd context(::fsopen("tracefs", FSOPEN_CLOEXEC));
  if (!context.valid()) return fail(Error::from_errno(errno, "open", "tracefs"));
  if (::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    return fail(Error::from_errno(errno, "create", "tracefs"));
  }
  UniqueFd mount(::fsmount(context.get(), FSMOUNT_CLOEXEC, 0));
  if (!mount.valid()) return fail(Error::from_errno(errno, "mount", "tracefs"));
  return mount;
}

}  // namespace cgwarden::cgroup
