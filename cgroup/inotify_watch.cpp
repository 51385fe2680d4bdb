#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <unordered_map>
#include <utility>

#include "base/unique_fd.h"
#include "cgroup/tree_watch.h"

namespace cgwarden::cgroup {
namespace {

class InotifyWatch final : public TreeWatch {
 public:
  explicit InotifyWatch(UniqueFd fd) : fd_(std::move(fd)) {}

  [[nodiscard]] std::string_view kind() const override { return "inotify"; }
  [[nodiscard]] int fd() const override { return fd_.get(); }

  [[nodiscard]] Status add(CgroupId id, int directory) override {
    // By fd: the path may lead to another cgroup by now.
    const std::string path = "/proc/self/fd/" + std::to_string(directory);
    const int watch =
        ::inotify_add_watch(fd_.get(), path.c_str(), IN_CREATE | IN_DELETE | IN_ONLYDIR);
    if (watch < 0) {
      const bool used_up = errno == ENOSPC;
      return fail(Error::from_errno(
          errno, "watch", "the directories of cgroups",
          used_up ? "raise /proc/sys/fs/inotify/max_user_watches; until then they are looked at "
                    "every tick"
                  : ""));
    }
    cgroup_of_[watch] = id;
    watch_of_[id.value] = watch;
    return {};
  }

  void remove(CgroupId id) override {
    const auto found = watch_of_.find(id.value);
    if (found == watch_of_.end()) return;
    // The kernel does not end the watch of a removed cgroup by itself.
    ::inotify_rm_watch(fd_.get(), found->second);
    cgroup_of_.erase(found->second);
    watch_of_.erase(found);
  }

  [[nodiscard]] Result<std::vector<TreeChange>> take() override {
    std::vector<TreeChange> changes;
    alignas(inotify_event) std::array<char, 16384> buffer{};
    for (;;) {
      const ssize_t size = ::read(fd_.get(), buffer.data(), buffer.size());
      if (size < 0 && errno == EINTR) continue;
      if (size < 0 && errno == EAGAIN) return changes;
      if (size < 0) return fail(Error::from_errno(errno, "read", "inotify"));
      for (const char* at = buffer.data(); at < buffer.data() + size;) {
        inotify_event event{};
        std::memcpy(&event, at, sizeof event);
        note(event, at + sizeof event, changes);
        at += sizeof event + event.len;
      }
    }
  }

 private:
  void note(const inotify_event& event, const char* name, std::vector<TreeChange>& changes) const {
    if ((event.mask & IN_Q_OVERFLOW) != 0) changes.push_back({TreeChange::Kind::overflow, {}, {}});
    const auto parent = cgroup_of_.find(event.wd);
    if (parent == cgroup_of_.end() || (event.mask & IN_ISDIR) == 0 || event.len == 0) return;
    const bool made = (event.mask & IN_CREATE) != 0;
    if (!made && (event.mask & IN_DELETE) == 0) return;
    changes.push_back(
        {made ? TreeChange::Kind::appeared : TreeChange::Kind::removed, parent->second, name});
  }

  UniqueFd fd_;
  std::unordered_map<int, CgroupId> cgroup_of_;
  std::unordered_map<std::uint64_t, int> watch_of_;
};

}  // namespace

Result<std::unique_ptr<TreeWatch>> inotify_watch() {
  UniqueFd fd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!fd.valid()) {
    return fail(Error::from_errno(errno, "create", "inotify",
                                  errno == EMFILE
                                      ? "raise /proc/sys/fs/inotify/max_user_instances or the "
                                        "agent's limit of open files"
                                      : ""));
  }
  return std::make_unique<InotifyWatch>(std::move(fd));
}

Result<std::unique_ptr<TreeWatch>> TreeWatch::best(const Tree& tree) {
  auto whole = fanotify_watch(tree);
  return whole ? std::move(whole) : inotify_watch();
}

}  // namespace cgwarden::cgroup
