#include "launcher/dev.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <string>

#include "launcher/mounts.h"

namespace cgwarden::launcher {
namespace {

struct DefaultDevice {
  const char* name;
  unsigned major;
  unsigned minor;
};
// Documentation/admin-guide/devices.txt.
constexpr std::array<DefaultDevice, 6> kDevices{{{"null", 1, 3},
                                                 {"zero", 1, 5},
                                                 {"full", 1, 7},
                                                 {"random", 1, 8},
                                                 {"urandom", 1, 9},
                                                 {"tty", 5, 0}}};

struct Link {
  const char* name;
  const char* target;
};
constexpr std::array<Link, 5> kLinks{{{"fd", "/proc/self/fd"},
                                      {"stdin", "/proc/self/fd/0"},
                                      {"stdout", "/proc/self/fd/1"},
                                      {"stderr", "/proc/self/fd/2"},
                                      {"ptmx", "pts/ptmx"}}};

bool opens_devices(int dev) {
  struct statfs file_system{};
  return ::fstatfs(dev, &file_system) == 0 && (file_system.f_flags & ST_NODEV) == 0;
}

// A node of an image that works here: in a /dev that is a directory of the rootfs.
bool is_there(int dev, const DefaultDevice& device) {
  const UniqueFd fd(::openat(dev, device.name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat status{};
  return fd.valid() && ::fstat(fd.get(), &status) == 0 && S_ISCHR(status.st_mode) &&
         status.st_rdev == makedev(device.major, device.minor) && opens_devices(fd.get());
}

bool make_node(int dev, const DefaultDevice& device) {
  const mode_t before = ::umask(0);
  const bool made =
      ::mknodat(dev, device.name, S_IFCHR | 0666, makedev(device.major, device.minor)) == 0;
  ::umask(before);
  return made;
}

bool is_listed(const Spec& spec, const std::string& path) {
  return std::ranges::any_of(spec.devices,
                             [&path](const Device& device) { return device.path == path; });
}

Step add_device(int dev, const DefaultDevice& device) {
  const std::string path = std::string("/dev/") + device.name;
  CGW_ASSIGN(const UniqueFd source,
             open_host_device(path, S_IFCHR, makedev(device.major, device.minor)));
  return bind_device(source.get(), dev, device.name, path);
}

Step add_link(int dev, const Link& link) {
  if (::symlinkat(link.target, dev, link.name) == 0) return {};
  // A /dev of the rootfs keeps what an earlier container got; anything else there is refused.
  std::array<char, PATH_MAX> target{};
  if (errno == EEXIST) {
    const ssize_t size = ::readlinkat(dev, link.name, target.data(), target.size() - 1);
    if (size > 0 && std::string(target.data()) == link.target) return {};
    // A device node "ptmx" of an image serves the same devpts since Linux 4.7.
    if (std::string(link.name) == "ptmx") return {};
    errno = EEXIST;
  }
  return failed("dev", std::string("/dev/") + link.name);
}

Step add_console_file(int dev) {
  const UniqueFd console(
      ::openat(dev, "console", O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_WRONLY, 0620));
  if (!console.valid() && errno != EEXIST) return failed("dev", "/dev/console");
  return {};
}

}  // namespace

StepResult<UniqueFd> open_host_device(const std::string& path, mode_t type, dev_t number) {
  UniqueFd fd(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat status{};
  if (!fd.valid() || ::fstat(fd.get(), &status) != 0) {
    return failed("dev", "the host's " + path + " cannot be opened");
  }
  if ((status.st_mode & S_IFMT) != type || status.st_rdev != number) {
    return refused("dev", "the host's " + path + " is not the " +
                              (type == S_IFBLK ? "block" : "character") + " device " +
                              std::to_string(major(number)) + ":" + std::to_string(minor(number)));
  }
  return fd;
}

StepResult<UniqueFd> open_null_device() {
  return open_host_device("/dev/null", S_IFCHR, makedev(1, 3));
}

Step bind_device(int source, int directory, const std::string& name, const std::string& shown) {
  UniqueFd target(::openat(directory, name.c_str(),
                           O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_WRONLY, 0666));
  if (!target.valid() && errno == EEXIST) {
    target.reset(::openat(directory, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat status{};
    if (target.valid() && ::fstat(target.get(), &status) == 0 &&
        (S_ISLNK(status.st_mode) || S_ISDIR(status.st_mode))) {
      return refused("dev", shown + " is in the rootfs already and is no device");
    }
  }
  if (!target.valid()) return failed("dev", shown);
  const UniqueFd copy(::open_tree(source, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  // As the nodes of a /dev that is mounted nosuid,noexec have it.
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
  if (!copy.valid() ||
      ::mount_setattr(copy.get(), "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) != 0 ||
      !attach(copy.get(), target.get())) {
    return failed("dev", shown + " cannot be bound");
  }
  return {};
}

Step fill_dev(int dev, const Spec& spec, bool fresh) {
  const bool nodes = fresh && opens_devices(dev);
  for (const auto& device : kDevices) {
    if (is_listed(spec, std::string("/dev/") + device.name)) continue;
    if (nodes && make_node(dev, device)) continue;
    if (!is_there(dev, device)) CGW_TRY(add_device(dev, device));
  }
  for (const auto& link : kLinks) CGW_TRY(add_link(dev, link));
  if (spec.process.terminal) CGW_TRY(add_console_file(dev));
  return {};
}

}  // namespace cgwarden::launcher
