#include "cgroup/pressure_trigger.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.h"
#include "cgroup/path_walk.h"

namespace cgwarden::cgroup {

Result<PressureTrigger> PressureTrigger::open(const Tree& tree, std::string_view path,
                                              const PressureThreshold& threshold) {
  const std::string file = threshold.resource + ".pressure";
  CGW_TRY(check_file_name(file));
  CGW_ASSIGN(const UniqueFd cgroup, tree.open_cgroup(path));
  const std::string where = display_path(tree.root(), path, file);
  auto fd = open_at(cgroup.get(), file, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (!fd) return fail(Error::from_errno(fd.error().errno_value, "watch", where));
  const std::string text = threshold.line + " " + std::to_string(threshold.stall.count()) + " " +
                           std::to_string(threshold.window.count());
  ssize_t written = 0;
  do {
    // With its NUL: the kernel overwrites the last byte (kernel/sched/psi.c psi_write()).
    written = ::write(fd->get(), text.c_str(), text.size() + 1);
  } while (written < 0 && errno == EINTR);
  if (written < 0) {
    const int error = errno;
    return fail(Error::from_errno(
        error, "set the trigger '" + text + "' on", where,
        error == EINVAL ? "without CAP_SYS_RESOURCE windows must be multiples of 2 s" : ""));
  }
  return PressureTrigger(*std::move(fd));
}

}  // namespace cgwarden::cgroup
