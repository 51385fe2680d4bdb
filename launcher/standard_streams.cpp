#include "launcher/standard_streams.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/unique_fd.h"

namespace cgwarden::launcher {
namespace {

bool is_null_device(int fd) {
  struct stat status{};
  return ::fstat(fd, &status) == 0 && S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3);
}

}  // namespace

void fill_standard_streams() {
  bool all = true;
  for (int fd = 0; fd < 3; ++fd) all = all && ::fcntl(fd, F_GETFD) >= 0;
  if (all) return;
  UniqueFd lowest;
  do {
    static_cast<void>(lowest.release());
    lowest.reset(::open("/dev/null", O_RDWR));
  } while (lowest.valid() && lowest.get() <= STDERR_FILENO);
}

void open_null_anew() {
  UniqueFd own;
  for (int fd = 0; fd < 3; ++fd) {
    if (!is_null_device(fd)) continue;
    if (!own.valid()) own.reset(::open("/dev/null", O_RDWR | O_NOFOLLOW | O_CLOEXEC));
    // A container without the device keeps what it was given.
    if (!own.valid() || !is_null_device(own.get())) return;
    ::dup2(own.get(), fd);
  }
}

void give_pipes_to(const User& user) {
  for (int fd = 0; fd < 3; ++fd) {
    struct stat status{};
    if (::fstat(fd, &status) != 0 || !S_ISFIFO(status.st_mode) || status.st_uid == user.uid) {
      continue;
    }
    // What cannot be given is still open: only opening it by name fails then.
    [[maybe_unused]] const int result = ::fchown(fd, user.uid, static_cast<gid_t>(-1));
  }
}

}  // namespace cgwarden::launcher
