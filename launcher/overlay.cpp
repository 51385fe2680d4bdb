#include "launcher/overlay.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "launcher/clone_child.h"
#include "launcher/helper_process.h"
#include "launcher/launch_report.h"
#include "launcher/mount_idmap.h"
#include "launcher/mounts.h"

namespace cgwarden::launcher {
namespace {

// fsconfig(2) takes strings of up to 255 bytes.
constexpr std::size_t kParameterBytes = 255;

struct Layer {
  std::string path;
  UniqueFd fd;
  struct stat status{};
};

StepResult<Layer> open_layer(const std::string& path) {
  if (!path.starts_with('/')) {
    return refused("rootfs", "the layer " + printable(path) + " is not an absolute path");
  }
  Layer layer{.path = printable(path), .fd = {}};
  layer.fd.reset(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!layer.fd.valid()) {
    const char* remedy = errno == ENOENT    ? "; unpack it there or correct layers"
                         : errno == ENOTDIR ? "; a layer is a directory with its files unpacked"
                                            : "";
    return failed("rootfs", "the layer " + layer.path + remedy);
  }
  if (::fstat(layer.fd.get(), &layer.status) != 0) return failed("rootfs", layer.path);
  return layer;
}

// The mount may be the host's, of another user namespace than the container's: a copy of it, laid
// over the original here, shows its files with the container's owners.
Step map_layer(Layer& layer, const Spec& spec) {
  const Mount mount{.destination = "/", .type = "bind", .source = layer.path, .options = {}};
  MountOptions options;
  options.id_map = IdMap::this_mount;
  CGW_ASSIGN(UniqueFd copy, bind_mount(layer.fd.get(), "", {}));
  CGW_TRY(map_mount_ids(copy.get(), mount, options, spec));
  // overlayfs takes only what is mounted in the namespace of its maker.
  if (!attach(copy.get(), layer.fd.get())) return failed("rootfs", layer.path);
  layer.fd = std::move(copy);
  if (::fstat(layer.fd.get(), &layer.status) != 0) return failed("rootfs", layer.path);
  return {};
}

StepResult<std::vector<Layer>> open_layers(const Spec& spec) {
  std::vector<Layer> layers;
  for (const auto& path : spec.overlay->layers) {
    CGW_ASSIGN(Layer layer, open_layer(path));
    for (const auto& other : layers) {
      if (other.status.st_dev == layer.status.st_dev &&
          other.status.st_ino == layer.status.st_ino) {
        return refused("rootfs", "the layers " + other.path + " and " + layer.path +
                                     " are the same directory; name it once");
      }
    }
    layers.push_back(std::move(layer));
  }
  if (layers.empty()) return refused("rootfs", "an overlay needs at least one layer");
  if (!spec.has_namespace(NamespaceType::user)) return layers;
  for (Layer& layer : layers) {
    if (Step mapped = map_layer(layer, spec); !mapped) {
      mapped.error().stage = "rootfs";
      return std::unexpected(std::move(mapped).error());
    }
  }
  return layers;
}

// Where upper and work go.
StepResult<UniqueFd> open_writable(const Spec& spec) {
  const std::string& path = spec.overlay->writable;
  if (path.empty()) {
    MountOptions options;
    options.data = {{"mode", "0700"}};
    CGW_ASSIGN(UniqueFd memory, new_mount("tmpfs", "cgwarden-upper", options));
    if (::move_mount(memory.get(), "", AT_FDCWD, spec.root_path.c_str(), MOVE_MOUNT_F_EMPTY_PATH) !=
        0) {
      return failed("rootfs", spec.root_path + "; the overlay needs an empty directory there");
    }
    return memory;
  }
  UniqueFd directory(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  struct statfs status{};
  if (!directory.valid() || ::fstatfs(directory.get(), &status) != 0) {
    return failed("rootfs", "the writable directory " + path);
  }
  if (status.f_type == OVERLAYFS_SUPER_MAGIC) {
    return refused("rootfs", path +
                                 " is on an overlay file system, and the kernel takes none as the "
                                 "upper of another; use a state directory on a disk, or upper: "
                                 "tmpfs");
  }
  return directory;
}

StepResult<UniqueFd> make_directory(int parent, const char* name, mode_t mode,
                                    const std::string& where) {
  const bool made = ::mkdirat(parent, name, mode) == 0;
  if (!made && errno != EEXIST) return failed("rootfs", where + "/" + name + " cannot be made");
  UniqueFd fd(::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid()) return failed("rootfs", where + "/" + name);
  return fd;
}

// The root of an overlay is its upper directory: it must look as the image's does.
StepResult<UniqueFd> make_upper(int parent, const Layer& highest, const std::string& where) {
  CGW_ASSIGN(UniqueFd upper, make_directory(parent, "upper", 0700, where));
  if (::fchown(upper.get(), highest.status.st_uid, highest.status.st_gid) != 0 ||
      ::fchmod(upper.get(), highest.status.st_mode & 07777U) != 0) {
    return failed("rootfs", where + "/upper cannot get the owner and mode of " + highest.path);
  }
  return upper;
}

const char* remedy_of(int errno_value) {
  switch (errno_value) {
    case ENOSPC:
    case EDQUOT:
      return "; there is no room for the upper directory: free some, or set upper: tmpfs";
    case ELOOP:
      return "; a layer and the writable directory lie inside each other";
    case EINVAL:
      return "; the kernel log (dmesg) says what it is: an upper on a file system that can hold "
             "none, or with userNamespace a kernel before 5.19";
    default:
      return "";
  }
}

bool set(int context, const char* key, const std::string& value) {
  return ::fsconfig(context, FSCONFIG_SET_STRING, key, value.c_str(), 0) == 0;
}

// By their numbers, from inside /proc/self/fd: names as short as can be, without ':' and ','.
bool set_layers(int context, const std::vector<Layer>& layers) {
  std::string joined;
  for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) {
    joined += (joined.empty() ? "" : ":") + std::to_string(layer->fd.get());
  }
  if (joined.size() <= kParameterBytes) return set(context, "lowerdir", joined);
  for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) {
    if (!set(context, "lowerdir+", std::to_string(layer->fd.get()))) return false;
  }
  return true;
}

StepResult<UniqueFd> mount_layers(const Spec& spec, const std::vector<Layer>& layers,
                                  const UniqueFd& upper, const UniqueFd& work) {
  const UniqueFd context(::fsopen("overlay", FSOPEN_CLOEXEC));
  if (!context.valid()) {
    return failed("rootfs", errno == ENODEV ? "this kernel has no overlay file system; load its "
                                              "module (modprobe overlay) or use rootfs"
                                            : "no overlay can be mounted");
  }
  if (::chdir("/proc/self/fd") != 0) return failed("rootfs", "/proc/self/fd");
  const int fd = context.get();
  // What an image may have written into trusted.overlay.* is not followed.
  const bool ready = set(fd, "source", "cgwarden") && set_layers(fd, layers) &&
                     set(fd, "upperdir", std::to_string(upper.get())) &&
                     set(fd, "workdir", std::to_string(work.get())) &&
                     set(fd, "redirect_dir", "nofollow") && set(fd, "metacopy", "off") &&
                     set(fd, "index", "off") &&
                     ::fsconfig(fd, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0;
  const std::string what = "the overlay of " + std::to_string(layers.size()) +
                           (layers.size() == 1 ? " layer" : " layers") + " cannot be mounted";
  if (!ready) return failed("rootfs", what + remedy_of(errno));
  const unsigned attributes = spec.resources.devices.empty() ? MOUNT_ATTR_NODEV : 0U;
  UniqueFd mount(::fsmount(fd, FSMOUNT_CLOEXEC, attributes));
  if (!mount.valid()) return failed("rootfs", what);
  return mount;
}

StepResult<UniqueFd> mount_in_helper(const Spec& spec) {
  ::umask(0);
  mount_attr cut{};
  cut.propagation = MS_PRIVATE;
  if (::unshare(CLONE_NEWNS) != 0 ||
      ::mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &cut, sizeof(cut)) != 0) {
    return failed("rootfs", "no mount namespace to mount the overlay in");
  }
  CGW_ASSIGN(const std::vector<Layer> layers, open_layers(spec));
  CGW_ASSIGN(const UniqueFd writable, open_writable(spec));
  const std::string where =
      spec.overlay->writable.empty() ? "the tmpfs of the upper" : spec.overlay->writable;
  CGW_ASSIGN(const UniqueFd upper, make_upper(writable.get(), layers.back(), where));
  CGW_ASSIGN(const UniqueFd work, make_directory(writable.get(), "work", 0700, where));
  return mount_layers(spec, layers, upper, work);
}

[[noreturn]] void be_helper(const Spec& spec, int report) {
  const auto mount = mount_in_helper(spec);
  if (mount) {
    // A descriptor goes to the parent as a seccomp listener does.
    report_listener(report, mount->get());
    (void)receive_go(report);  // it has been taken
  } else {
    report_error(report, mount.error());
  }
  ::_exit(0);
}

}  // namespace

StepResult<UniqueFd> overlay_mount(const Spec& spec) {
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) != 0) {
    return failed("rootfs", "no socketpair to the helper that mounts the overlay");
  }
  const UniqueFd ours(pair[0]);
  UniqueFd theirs(pair[1]);
  const int on = 1;
  if (::setsockopt(ours.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) != 0) {
    return failed("rootfs", "SO_PASSCRED");
  }
  const pid_t helper = plain_fork();
  if (helper == 0) be_helper(spec, theirs.get());
  if (helper < 0) return failed("rootfs", "no helper to mount the overlay");
  theirs.reset();
  UniqueFd mount;
  LaunchOutcome outcome =
      receive_outcome(ours.get(), {.until_ready = false, .listener = [&mount](pid_t, UniqueFd fd) {
                                     mount = std::move(fd);
                                     return Step{};
                                   }});
  (void)wait_for_exit(helper);
  if (outcome.error) return std::unexpected(std::move(*outcome.error));
  if (!mount.valid()) return refused("rootfs", "the helper that mounts the overlay was killed");
  return mount;
}

}  // namespace cgwarden::launcher
