#include "cli/process_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <memory>

#include "base/file.h"
#include "base/unique_directory.h"
#include "base/unique_fd.h"

namespace cgwarden::cli {
namespace {

using diagnosis::audit::DeviceNode;
using diagnosis::audit::DirectoryHandle;

// The default hard limit of systemd is 524,288; a process with more descriptors than this is not
// read to the end within a second.
constexpr std::size_t kMaxDescriptors = 65536;
// /dev of a host with hundreds of disks has some thousand nodes.
constexpr std::size_t kMaxNodes = 16384;

// Follows a magic link of /proc; AT_STATX_DONT_SYNC keeps a dead file server from hanging it.
Result<struct statx> look(int directory, const std::string& name) {
  struct statx facts{};
  if (::statx(directory, name.c_str(), AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT,
              STATX_TYPE | STATX_INO | STATX_MNT_ID, &facts) != 0) {
    return fail(Error::from_errno(errno, "look at", name));
  }
  return facts;
}

Status take_if_directory(int process, const std::string& link, std::vector<DirectoryHandle>& list) {
  CGW_ASSIGN(const struct statx facts, look(process, link));
  if (!S_ISDIR(facts.stx_mode)) return {};
  if ((facts.stx_mask & STATX_MNT_ID) == 0) {
    return fail(Error{ErrorKind::not_supported, 0, "look at", link,
                      "the kernel does not tell mount ids (needs 5.8)"});
  }
  CGW_ASSIGN(std::string path, read_link_at(process, link));
  list.push_back({link, std::move(path), facts.stx_mnt_id});
  return {};
}

}  // namespace

Result<std::string> read_link_at(int directory, const std::string& name) {
  std::array<char, PATH_MAX> buffer{};
  const ssize_t size = ::readlinkat(directory, name.c_str(), buffer.data(), buffer.size());
  if (size < 0) return fail(Error::from_errno(errno, "read", name));
  return std::string(buffer.data(), static_cast<std::size_t>(size));
}

Result<std::vector<std::string>> list_directory_at(int directory, const std::string& name,
                                                   std::size_t max) {
  CGW_ASSIGN(UniqueFd fd, open_at(directory, name, O_RDONLY | O_DIRECTORY));
  const UniqueDirectory entries = open_directory_stream(std::move(fd));
  if (entries == nullptr) return fail(Error::from_errno(errno, "list", name));
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(entries.get());
    if (entry == nullptr && errno != 0) return fail(Error::from_errno(errno, "list", name));
    if (entry == nullptr) return names;
    std::string found = entry->d_name;
    if (found == "." || found == "..") continue;
    if (names.size() == max) {
      return fail(
          Error::invalid("list", name, "it has more than " + std::to_string(max) + " entries"));
    }
    names.push_back(std::move(found));
  }
}

Result<bool> same_directory(int one, int other, const std::string& name) {
  CGW_ASSIGN(const struct statx left, look(one, name));
  CGW_ASSIGN(const struct statx right, look(other, name));
  return left.stx_ino == right.stx_ino && left.stx_dev_major == right.stx_dev_major &&
         left.stx_dev_minor == right.stx_dev_minor;
}

Result<std::vector<DirectoryHandle>> open_directories(int process) {
  std::vector<DirectoryHandle> list;
  CGW_TRY(take_if_directory(process, "cwd", list));
  CGW_ASSIGN(auto descriptors, list_directory_at(process, "fd", kMaxDescriptors));
  std::ranges::sort(descriptors);
  for (const auto& name : descriptors) {
    const Status taken = take_if_directory(process, "fd/" + name, list);
    // Closed since it was listed.
    if (!taken && taken.error().kind != ErrorKind::vanished) return fail(taken.error());
  }
  return list;
}

Result<std::vector<DeviceNode>> device_nodes(int process) {
  CGW_ASSIGN(const UniqueFd root, open_at(process, "root", O_PATH | O_DIRECTORY));
  // The container chooses what its /dev is: a link of its own must not lead out of its root.
  open_how how{};
  how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  const UniqueFd dev(
      static_cast<int>(::syscall(SYS_openat2, root.get(), "dev", &how, sizeof(how))));
  if (!dev.valid()) {
    if (errno == ENOENT || errno == ENOTDIR) return std::vector<DeviceNode>{};
    return fail(Error::from_errno(errno, "open", "root/dev"));
  }
  CGW_ASSIGN(const auto names, list_directory_at(dev.get(), ".", kMaxNodes));
  std::vector<DeviceNode> nodes;
  for (const auto& name : names) {
    struct statx facts{};
    if (::statx(dev.get(), name.c_str(), AT_SYMLINK_NOFOLLOW | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT,
                STATX_TYPE, &facts) != 0) {
      continue;  // gone since it was listed
    }
    if (!S_ISBLK(facts.stx_mode) && !S_ISCHR(facts.stx_mode)) continue;
    nodes.push_back(
        {"/dev/" + name, S_ISBLK(facts.stx_mode), facts.stx_rdev_major, facts.stx_rdev_minor});
  }
  return nodes;
}

}  // namespace cgwarden::cli
