#include "cgroup/events_watch.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

#include "base/file.h"
#include "base/limits.h"
#include "cgroup/path_walk.h"

namespace cgwarden::cgroup {

Result<EventsWatch> EventsWatch::open(const Tree& tree, std::string_view path,
                                      const std::string& file) {
  CGW_TRY(check_file_name(file));
  CGW_ASSIGN(const UniqueFd cgroup, tree.open_cgroup(path));
  const std::string where = display_path(tree.root(), path, file);
  auto fd = open_at(cgroup.get(), file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (!fd) return fail(Error::from_errno(fd.error().errno_value, "watch", where));
  return EventsWatch(*std::move(fd), where);
}

Result<std::string> EventsWatch::read() const {
  // The whole file in one pread(2): each pread prints the file anew and re-arms the notification,
  // so a second one that only finds the end of the file would swallow a change in between. A buffer
  // that comes back full is read again from the start, larger.
  for (std::size_t size = 4096; size <= limits::kControlFileBytes; size *= 2) {
    std::string text(size, '\0');
    ssize_t count = 0;
    do {
      count = ::pread(fd_.get(), text.data(), text.size(), 0);
    } while (count < 0 && errno == EINTR);
    if (count < 0) return fail(Error::from_errno(errno, "read", where_));
    if (static_cast<std::size_t>(count) == size) continue;
    text.resize(static_cast<std::size_t>(count));
    return text;
  }
  return fail(Error::invalid(
      "read", where_, "it is larger than " + std::to_string(limits::kControlFileBytes) + " bytes"));
}

}  // namespace cgwarden::cgroup
