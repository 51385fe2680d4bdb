#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <string_view>

#include "base/file.h"
#include "base/text.h"
#include "launcher/dev.h"
#include "launcher/path_in_root.h"

// linux.devices of OCI runtime-spec 1.2 config-linux.md.
namespace cgwarden::launcher {
namespace {

constexpr mode_t kDefaultMode = 0666;

mode_t file_type(const Device& device) {
  if (device.type == 'b') return S_IFBLK;
  return device.type == 'p' ? S_IFIFO : S_IFCHR;
}

dev_t number_of(const Device& device) {
  if (device.type == 'p') return 0;
  return makedev(static_cast<unsigned>(device.major), static_cast<unsigned>(device.minor));
}

bool is_node(int directory, const std::string& name, const Device& device) {
  struct stat status{};
  return ::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
         (status.st_mode & S_IFMT) == file_type(device) &&
         (device.type == 'p' || status.st_rdev == number_of(device));
}

// The kernel's own name of a device number (DEVNAME of its uevent), for a node that has another
// path in the container.
std::string host_path(const Device& device) {
  struct stat status{};
  if (::lstat(device.path.c_str(), &status) == 0 &&
      (status.st_mode & S_IFMT) == file_type(device) && status.st_rdev == number_of(device)) {
    return device.path;
  }
  const std::string uevent = std::string("/sys/dev/") + (device.type == 'b' ? "block/" : "char/") +
                             std::to_string(device.major) + ":" + std::to_string(device.minor) +
                             "/uevent";
  constexpr std::size_t kUeventBytes = 4096;
  const auto text = read_file(uevent, kUeventBytes);
  if (!text) return device.path;
  constexpr std::string_view kName = "DEVNAME=";
  for (const auto line : split(*text, '\n')) {
    if (line.starts_with(kName)) return "/dev/" + std::string(line.substr(kName.size()));
  }
  return device.path;
}

StepResult<UniqueFd> open_directory(int root, const Device& device, const std::string& path) {
  auto directory = make_in_root(root, path, TargetKind::directory);
  if (!directory) {
    errno = directory.error().errno_value;
    return failed("devices", "the directory of " + device.path + " cannot be made in the rootfs");
  }
  struct statfs file_system{};
  if (::fstatfs(directory->get(), &file_system) != 0) return failed("devices", device.path);
  if (file_system.f_type == PROC_SUPER_MAGIC || file_system.f_type == SYSFS_MAGIC) {
    return refused("devices", device.path + " is inside a file system of the kernel");
  }
  return UniqueFd(directory->release());
}

bool opens_nothing(int directory, const Device& device) {
  struct statfs file_system{};
  return device.type != 'p' && ::fstatfs(directory, &file_system) == 0 &&
         (file_system.f_flags & ST_NODEV) != 0;
}

// By descriptor: the name may belong to another container of the same rootfs by now.
Step give_to_owner(int directory, const std::string& name, const Device& device) {
  if (!device.uid && !device.gid) return {};
  const UniqueFd node(::openat(directory, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!node.valid() || !is_node(directory, name, device)) return failed("devices", device.path);
  if (::fchownat(node.get(), "", device.uid.value_or(0), device.gid.value_or(0), AT_EMPTY_PATH) !=
      0) {
    return failed("devices", device.path + " cannot be given to its owner");
  }
  return {};
}

Step bind_from_host(int directory, const std::string& name, const Device& device) {
  CGW_ASSIGN(const UniqueFd source,
             open_host_device(host_path(device), file_type(device), number_of(device)));
  return bind_device(source.get(), directory, name, device.path);
}

Step make_device(int root, const Device& device) {
  if (std::string_view("cubp").find(device.type) == std::string_view::npos) {
    return refused("devices", device.path + " has the type '" + device.type +
                                  "', which is none of c, u, b and p");
  }
  const std::size_t end = device.path.find_last_not_of('/');
  const std::string path = device.path.substr(0, end == std::string::npos ? 0 : end + 1);
  const std::size_t slash = path.rfind('/');
  const std::string name = slash == std::string::npos ? "" : path.substr(slash + 1);
  if (!path.starts_with('/') || name.empty() || name == "." || name == "..") {
    return refused("devices", "\"" + printable(device.path) + "\" is not the path of a device");
  }
  CGW_ASSIGN(const UniqueFd directory, open_directory(root, device, "/" + path.substr(0, slash)));
  if (opens_nothing(directory.get(), device)) return bind_from_host(directory.get(), name, device);
  // Mode and type at once; a later chmod(2) by name could meet another file.
  const mode_t before = ::umask(0);
  const mode_t mode = file_type(device) | (device.file_mode.value_or(kDefaultMode) & 07777U);
  const bool made = ::mknodat(directory.get(), name.c_str(), mode, number_of(device)) == 0;
  const int errno_value = errno;
  ::umask(before);
  if (made) return give_to_owner(directory.get(), name, device);
  if (errno_value == EEXIST && is_node(directory.get(), name, device)) return {};
  if (errno_value == EPERM && device.type != 'p') {
    return bind_from_host(directory.get(), name, device);
  }
  errno = errno_value;
  return failed("devices", device.path + (errno_value == EEXIST
                                              ? " is in the rootfs already and is another file"
                                              : " cannot be made"));
}

}  // namespace

// A privileged container lists what the host has. The host's /dev/ptmx would open terminals of the
// host's devpts; the container's own is a link to its devpts (fill_dev).
Step make_devices(int root, const Spec& spec) {
  for (const auto& device : spec.devices) {
    if (device.path != "/dev/ptmx") CGW_TRY(make_device(root, device));
  }
  return {};
}

}  // namespace cgwarden::launcher
