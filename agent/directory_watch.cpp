#include "agent/directory_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

namespace cgwarden::agent {
namespace {

// IN_CLOSE_WRITE, not IN_MODIFY: a half-written file is nobody's policy.
constexpr std::uint32_t kChanges = IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM |
                                   IN_DELETE | IN_MOVE_SELF | IN_ONLYDIR | IN_MASK_ADD;

constexpr std::uint32_t kArrivals =
    IN_CREATE | IN_MOVED_TO | IN_MOVE_SELF | IN_ONLYDIR | IN_MASK_ADD;

struct InotifyHead {
  int watch = -1;
  std::uint32_t mask = 0;
};

// A file that was made is told again when it is finished; a directory and a link are made at once.
bool is_finished(const InotifyHead& event, const std::string& path) {
  if ((event.mask & IN_CREATE) == 0 || (event.mask & IN_ISDIR) != 0) return true;
  std::error_code error;
  return std::filesystem::is_symlink(path, error);
}

}  // namespace

Result<DirectoryWatch> DirectoryWatch::open(std::vector<std::string> directories) {
  UniqueFd fd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!fd.valid()) return fail(Error::from_errno(errno, "create", "inotify"));
  return DirectoryWatch(std::move(fd), std::move(directories));
}

DirectoryWatch::DirectoryWatch(UniqueFd fd, std::vector<std::string> directories)
    : fd_(std::move(fd)) {
  for (auto& path : directories) directories_.push_back({.path = std::move(path)});
  (void)find_missing();
}

bool DirectoryWatch::find_missing() {
  bool found = false;
  for (auto& directory : directories_) {
    if (directory.watch >= 0) continue;
    const int before = std::exchange(directory.ancestor, -1);
    // From below: one that is made while we climb is found by its parent's watch or right away.
    std::filesystem::path at = std::filesystem::path(directory.path).lexically_normal();
    if (!at.has_filename()) at = at.parent_path();
    directory.watch = ::inotify_add_watch(fd_.get(), at.c_str(), kChanges);
    while (directory.watch < 0 && directory.ancestor < 0 && at.has_relative_path()) {
      at = at.has_parent_path() ? at.parent_path() : ".";
      directory.ancestor = ::inotify_add_watch(fd_.get(), at.c_str(), kArrivals);
      if (at == ".") break;
    }
    // It may have come between the two.
    if (directory.ancestor >= 0) {
      directory.watch = ::inotify_add_watch(fd_.get(), directory.path.c_str(), kChanges);
    }
    found = found || directory.watch >= 0;
    end_if_unused(before);
    if (directory.watch >= 0) end_if_unused(std::exchange(directory.ancestor, -1));
  }
  return found;
}

void DirectoryWatch::end_if_unused(int watch) {
  const bool used = std::ranges::any_of(directories_, [&](const Directory& directory) {
    return directory.watch == watch || directory.ancestor == watch;
  });
  if (watch >= 0 && !used) ::inotify_rm_watch(fd_.get(), watch);
}

void DirectoryWatch::forget(int watch) {
  for (auto& directory : directories_) {
    if (directory.watch == watch) directory.watch = -1;
    if (directory.ancestor == watch) directory.ancestor = -1;
  }
}

bool DirectoryWatch::changed() {
  bool changed = false;
  alignas(inotify_event) std::array<char, 4096> buffer{};
  for (ssize_t size = 0; (size = ::read(fd_.get(), buffer.data(), buffer.size())) > 0;) {
    for (ssize_t at = 0; at < size;) {
      inotify_event told{};
      std::memcpy(&told, buffer.data() + at, sizeof told);
      // Without the name, which a lambda cannot capture.
      const InotifyHead event{told.wd, told.mask};
      // The kernel fills the name up with zeros.
      const std::string name = told.len == 0 ? "" : buffer.data() + at + sizeof told;
      at += static_cast<ssize_t>(sizeof told + told.len);
      const auto is_of_event = [&](const Directory& directory) {
        return directory.watch == event.watch && is_finished(event, directory.path + "/" + name);
      };
      changed = changed || (event.mask & IN_Q_OVERFLOW) != 0 ||
                std::ranges::any_of(directories_, is_of_event);
      // What was moved away is not the directory of that name any more.
      if ((event.mask & IN_MOVE_SELF) != 0) ::inotify_rm_watch(fd_.get(), event.watch);
      if ((event.mask & (IN_MOVE_SELF | IN_IGNORED)) != 0) forget(event.watch);
    }
  }
  return find_missing() || changed;
}

}  // namespace cgwarden::agent
