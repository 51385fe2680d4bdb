#include <fcntl.h>
#include <sys/fanotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/unique_fd.h"
#include "cgroup/tree_watch.h"

namespace cgwarden::cgroup {
namespace {

// fs/kernfs/mount.c: the file handle of a kernfs directory is its 64-bit id, which is the inode
// number and the cgroup id (include/linux/exportfs.h FILEID_KERNFS).
constexpr int kKernfsHandle = 0xfe;

// The parent's id and the name of one event; false when its record is none that names both.
bool read_record(const char* event, std::size_t size, TreeChange& change) {
  fanotify_event_info_fid info{};
  file_handle handle{};
  const std::size_t handle_at = sizeof info;
  const std::size_t id_at = handle_at + sizeof handle;
  const std::size_t name_at = id_at + sizeof change.parent.value;
  if (size <= name_at) return false;
  std::memcpy(&info, event, sizeof info);
  if (info.hdr.info_type != FAN_EVENT_INFO_TYPE_DFID_NAME || info.hdr.len > size) return false;
  std::memcpy(&handle, event + handle_at, sizeof handle);
  if (handle.handle_type != kKernfsHandle || handle.handle_bytes != sizeof change.parent.value) {
    return false;
  }
  std::memcpy(&change.parent.value, event + id_at, sizeof change.parent.value);
  change.name.assign(event + name_at, ::strnlen(event + name_at, info.hdr.len - name_at));
  return !change.name.empty();
}

// Whether events will name directories by that handle.
bool has_kernfs_handles(int directory) {
  alignas(file_handle) std::array<char, sizeof(file_handle) + MAX_HANDLE_SZ> space{};
  auto* handle = reinterpret_cast<file_handle*>(space.data());
  handle->handle_bytes = MAX_HANDLE_SZ;
  int mount = 0;
  return ::name_to_handle_at(directory, ".", handle, &mount, 0) == 0 &&
         handle->handle_type == kKernfsHandle &&
         handle->handle_bytes == sizeof(TreeChange::parent.value);
}

class FanotifyWatch final : public TreeWatch {
 public:
  explicit FanotifyWatch(UniqueFd fd) : fd_(std::move(fd)) {}

  [[nodiscard]] std::string_view kind() const override { return "fanotify"; }
  [[nodiscard]] int fd() const override { return fd_.get(); }
  // One mark covers them all.
  [[nodiscard]] Status add(CgroupId /*id*/, int /*directory*/) override { return {}; }
  void remove(CgroupId /*id*/) override {}

  [[nodiscard]] Result<std::vector<TreeChange>> take() override {
    std::vector<TreeChange> changes;
    alignas(fanotify_event_metadata) std::array<char, 16384> buffer{};
    for (;;) {
      const ssize_t size = ::read(fd_.get(), buffer.data(), buffer.size());
      if (size < 0 && errno == EINTR) continue;
      if (size < 0 && errno == EAGAIN) return changes;
      if (size < 0) return fail(Error::from_errno(errno, "read", "fanotify"));
      note_all({buffer.data(), static_cast<std::size_t>(size)}, changes);
    }
  }

 private:
  static void note_all(std::string_view events, std::vector<TreeChange>& changes) {
    fanotify_event_metadata event{};
    while (events.size() >= sizeof event) {
      std::memcpy(&event, events.data(), sizeof event);
      if (event.event_len < sizeof event || event.event_len > events.size()) return;
      TreeChange change;
      const std::size_t body = event.event_len - sizeof event;
      if ((event.mask & FAN_Q_OVERFLOW) != 0) {
        changes.push_back(std::move(change));
      } else if ((event.mask & FAN_ONDIR) != 0 &&
                 read_record(events.data() + sizeof event, body, change)) {
        change.kind =
            (event.mask & FAN_CREATE) != 0 ? TreeChange::Kind::appeared : TreeChange::Kind::removed;
        changes.push_back(std::move(change));
      }
      events.remove_prefix(event.event_len);
    }
  }

  UniqueFd fd_;
};

}  // namespace

Result<std::unique_ptr<TreeWatch>> fanotify_watch(const Tree& tree) {
  UniqueFd fd(::fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_DFID_NAME | FAN_NONBLOCK | FAN_CLOEXEC,
                              O_RDONLY));
  if (!fd.valid()) return fail(Error::from_errno(errno, "create", "fanotify"));
  // Before 6.6 cgroup2 has no file system id: ENODEV.
  if (::fanotify_mark(fd.get(), FAN_MARK_ADD | FAN_MARK_FILESYSTEM,
                      FAN_CREATE | FAN_DELETE | FAN_ONDIR, tree.root_fd(), ".") != 0) {
    return fail(Error::from_errno(errno, "watch", tree.root()));
  }
  if (!has_kernfs_handles(tree.root_fd())) {
    return fail(Error{ErrorKind::not_supported, 0, "watch", tree.root(),
                      "its file handles do not hold the id of a cgroup"});
  }
  return std::make_unique<FanotifyWatch>(std::move(fd));
}

}  // namespace cgwarden::cgroup
