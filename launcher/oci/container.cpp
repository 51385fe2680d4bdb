#include "launcher/oci/container.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>

#include "base/file.h"
#include "base/limits.h"
#include "base/text.h"
#include "base/unique_directory.h"
#include "launcher/oci/destroy.h"
#include "launcher/state.h"

namespace cgwarden::launcher::oci {
namespace {

constexpr const char* kRecord = "state.json";
constexpr const char* kConfig = "config.json";

// The file is as short-lived as the process it speaks of: nothing is gained by syncing it, and
// fsync(2) can take longer than the whole launch.
Outcome<void> replace_file(int directory, const char* name, std::string_view text) {
  const std::string temporary = std::string(name) + ".new";
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
  auto fd = open_at(directory, temporary, kFlags, 0600);
  if (!fd && fd.error().errno_value == EEXIST) {
    // Of a killed process; it may be the file that a reader still holds under its other name.
    ::unlinkat(directory, temporary.c_str(), 0);
    fd = open_at(directory, temporary, kFlags, 0600);
  }
  if (!fd) return std::unexpected(Failure(fd.error()));
  CGW_TRY(write_all(fd->get(), text, temporary));
  // ext4 begins at once to write out what replaces a file by a plain rename(2), and the removal of
  // the container then waits for the disk: longer than any other step of it.
  if (::renameat2(directory, temporary.c_str(), directory, name, RENAME_EXCHANGE) == 0) {
    ::unlinkat(directory, temporary.c_str(), 0);
    return {};
  }
  if (::renameat(directory, temporary.c_str(), directory, name) != 0) {
    return std::unexpected(Failure(Error::from_errno(errno, "rename", temporary)));
  }
  return {};
}

UniqueFd open_directory(const std::string& path) {
  return UniqueFd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

// The directory that was opened may have been deleted and made anew in between.
bool is_still_at(int directory, const std::string& path) {
  struct stat opened{};
  struct stat there{};
  return ::fstat(directory, &opened) == 0 && ::stat(path.c_str(), &there) == 0 &&
         opened.st_ino == there.st_ino && opened.st_dev == there.st_dev;
}

Failure no_such(const std::string& id) {
  return Failure("container \"" + printable(id) + "\" does not exist");
}

}  // namespace

bool valid_id(const std::string& id) {
  constexpr std::size_t kLongest = 1024;
  // A dot in front is for files of the runtime itself (.seccomp).
  return !id.empty() && id.size() <= kLongest && id.front() != '.' &&
         std::ranges::all_of(id, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  std::string_view("_+-.").find(c) != std::string_view::npos;
         });
}

Outcome<Container> Container::claim(const std::string& root, const std::string& id) {
  if (!valid_id(id)) {
    return refuse("\"" + printable(id) +
                  "\" is not a valid container id: letters, digits, '_', '+', '-' and, not in "
                  "front, '.' only");
  }
  Container container;
  container.path_ = root + "/" + id;
  for (int attempt = 0; attempt < 2; ++attempt) {
    bool made = ::mkdir(container.path_.c_str(), 0700) == 0;
    if (!made && errno == ENOENT) {
      CGW_TRY(make_directories(root, 0700));
      made = ::mkdir(container.path_.c_str(), 0700) == 0;
    }
    if (!made && errno != EEXIST) {
      return std::unexpected(Failure(Error::from_errno(errno, "make", container.path_)));
    }
    container.directory_ = open_directory(container.path_);
    if (!container.directory_.valid()) continue;
    const bool locked = ::flock(container.directory_.get(), LOCK_EX | LOCK_NB) == 0;
    if (made && locked) return container;
    // Left by a `create` that was killed before it had a container: nobody misses it.
    const auto record = container.record();
    const bool unfinished = locked && (!record || record->creating);
    if (!unfinished) {
      return refuse("container \"" + printable(id) +
                    "\" already exists; delete it or choose another id");
    }
    if (record) CGW_TRY(release_resources(*record));
    CGW_TRY(container.remove());
  }
  return refuse("container \"" + printable(id) + "\" is being made or deleted by somebody else");
}

Outcome<Container> Container::open(const std::string& root, const std::string& id) {
  if (!valid_id(id)) return std::unexpected(no_such(id));
  Container container;
  container.path_ = root + "/" + id;
  container.directory_ = open_directory(container.path_);
  if (container.directory_.valid()) return container;
  if (errno == ENOENT || errno == ENOTDIR) return std::unexpected(no_such(id));
  return std::unexpected(Failure(Error::from_errno(errno, "open", container.path_)));
}

Outcome<void> Container::lock() {
  while (::flock(directory_.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return std::unexpected(Failure(Error::from_errno(errno, "lock", path_)));
  }
  if (!is_still_at(directory_.get(), path_)) {
    return std::unexpected(no_such(std::filesystem::path(path_).filename().string()));
  }
  return {};
}

void Container::unlock() {
  if (directory_.valid()) ::flock(directory_.get(), LOCK_UN);
}

bool Container::is_locked() const {
  // A second description: flock(2) locks belong to open file descriptions.
  const UniqueFd again(::openat(directory_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return again.valid() && ::flock(again.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

Outcome<ContainerRecord> Container::record() const {
  CGW_ASSIGN(const std::string text,
             read_file_at(directory_.get(), kRecord, limits::kStateFileBytes));
  CGW_ASSIGN(ContainerRecord record, parse_container_record(text, path_ + "/" + kRecord));
  return record;
}

Outcome<void> Container::write_record(const ContainerRecord& record) const {
  return replace_file(directory_.get(), kRecord, to_json(record));
}

Outcome<void> Container::keep_config(const std::string& text) const {
  return replace_file(directory_.get(), kConfig, text);
}

Outcome<Spec> Container::spec(const ContainerRecord& record) const {
  CGW_ASSIGN(const std::string text,
             read_file_at(directory_.get(), kConfig, limits::kStateFileBytes));
  CGW_ASSIGN(Spec spec, parse_config(text, path_ + "/" + kConfig));
  spec.root_path = record.rootfs;
  return spec;
}

Outcome<void> Container::remove() const {
  // Most often these are all there is, and a listing costs more than both.
  ::unlinkat(directory_.get(), kRecord, 0);
  ::unlinkat(directory_.get(), kConfig, 0);
  if (::rmdir(path_.c_str()) == 0) return {};
  std::error_code error;
  std::filesystem::remove_all(path_, error);
  if (error) return std::unexpected(Failure(Error::from_errno(error.value(), "remove", path_)));
  return {};
}

Outcome<std::vector<std::string>> container_ids(const std::string& root) {
  std::vector<std::string> ids;
  const UniqueDirectory directory(::opendir(root.c_str()));
  if (!directory) {
    if (errno == ENOENT) return ids;
    return std::unexpected(Failure(Error::from_errno(errno, "open", root)));
  }
  errno = 0;
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string name(static_cast<const char*>(entry->d_name));
    if (valid_id(name) && entry->d_type == DT_DIR) ids.push_back(name);
  }
  if (errno != 0) return std::unexpected(Failure(Error::from_errno(errno, "read", root)));
  std::ranges::sort(ids);
  return ids;
}

namespace {

// A zombie that nobody reaps has ended, and so has the first process of a pid namespace that waits
// for such a one: pidfds do not tell that yet.
bool is_zombie(pid_t pid) {
  const auto text = read_file("/proc/" + std::to_string(pid) + "/stat", limits::kControlFileBytes);
  if (!text) return true;
  const std::size_t comm_end = text->rfind(')');
  const char state =
      comm_end == std::string::npos || comm_end + 2 >= text->size() ? 'X' : (*text)[comm_end + 2];
  return state == 'Z' || state == 'X';
}

}  // namespace

UniqueFd open_process(const ContainerRecord& record) {
  if (record.pid <= 0) return {};
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, record.pid, 0)));
  if (!pidfd.valid()) return {};
  // After the pidfd: a pid that was reused before it has another start time.
  const auto start_time = process_start_time(record.pid);
  if (!start_time || *start_time != record.start_time) return {};
  pollfd ended{pidfd.get(), POLLIN, 0};
  if (::poll(&ended, 1, 0) == 1 || is_zombie(record.pid)) return {};
  return pidfd;
}

ContainerStatus status_of(const ContainerRecord& record) {
  if (record.creating) return ContainerStatus::creating;
  if (!open_process(record).valid()) return ContainerStatus::stopped;
  if (!record.started) return ContainerStatus::created;
  return is_frozen(record.cgroup) ? ContainerStatus::paused : ContainerStatus::running;
}

}  // namespace cgwarden::launcher::oci
