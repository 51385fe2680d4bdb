#include "launcher/dev.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <string>

#include "launcher/mounts.h"

namespace cgwarden::launcher {
namespace {

struct Device {
  const char* name;
  unsigned major;
  unsigned minor;
};
// Documentation/admin-guide/devices.txt.
constexpr std::array<Device, 6> kDevices{{{"null", 1, 3},
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

StepResult<UniqueFd> open_host_device(const Device& device) {
  const std::string path = std::string("/dev/") + device.name;
  UniqueFd fd(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat status{};
  if (!fd.valid() || ::fstat(fd.get(), &status) != 0) {
    return failed("dev", "the host's " + path + " cannot be opened");
  }
  if (!S_ISCHR(status.st_mode) || status.st_rdev != makedev(device.major, device.minor)) {
    return refused("dev", "the host's " + path + " is not the character device " +
                              std::to_string(device.major) + ":" + std::to_string(device.minor));
  }
  return fd;
}

Step add_device(int dev, const Device& device) {
  CGW_ASSIGN(const UniqueFd source, open_host_device(device));
  const UniqueFd target(
      ::openat(dev, device.name, O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_WRONLY, 0666));
  if (!target.valid()) return failed("dev", std::string("/dev/") + device.name);
  const UniqueFd copy(
      ::open_tree(source.get(), "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  if (!copy.valid() || !attach(copy.get(), target.get())) {
    return failed("dev", std::string("/dev/") + device.name + " cannot be bound");
  }
  return {};
}

}  // namespace

StepResult<UniqueFd> open_null_device() { return open_host_device(kDevices.front()); }

Step fill_dev(int dev) {
  for (const auto& device : kDevices) CGW_TRY(add_device(dev, device));
  for (const auto& link : kLinks) {
    if (::symlinkat(link.target, dev, link.name) != 0) {
      return failed("dev", std::string("/dev/") + link.name);
    }
  }
  return {};
}

}  // namespace cgwarden::launcher
