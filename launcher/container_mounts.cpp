#include "launcher/container_mounts.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "launcher/copy_up.h"
#include "launcher/dev.h"
#include "launcher/kernel_mount.h"
#include "launcher/mount_idmap.h"
#include "launcher/mounts.h"
#include "launcher/namespaces.h"
#include "launcher/path_in_root.h"

namespace cgwarden::launcher {
namespace {

// Files that tools like lxcfs replace; everything else in procfs stays the kernel's.
constexpr std::array<std::string_view, 11> kReplaceableProcFiles{"/proc/cpuinfo",
                                                                 "/proc/diskstats",
                                                                 "/proc/meminfo",
                                                                 "/proc/stat",
                                                                 "/proc/swaps",
                                                                 "/proc/uptime",
                                                                 "/proc/loadavg",
                                                                 "/proc/slabinfo",
                                                                 "/proc/net/dev",
                                                                 "/proc/sys/kernel/ns_last_pid",
                                                                 "/proc/sys/crypto/fips_enabled"};

Step check_target(int target, const Mount& mount) {
  struct statfs file_system{};
  if (::fstatfs(target, &file_system) != 0) return failed("mount", mount.destination);
  const bool on_procfs = file_system.f_type == PROC_SUPER_MAGIC;
  if (on_procfs &&
      std::ranges::find(kReplaceableProcFiles, mount.destination) == kReplaceableProcFiles.end()) {
    return refused("mount", mount.destination + " is inside procfs and may not be mounted over");
  }
  return {};
}

bool is_kernel_view(const std::string& type) { return type == "proc" || type == "sysfs"; }

StepResult<UniqueFd> open_target(int root, const Mount& mount, TargetKind kind) {
  // proc and sysfs on a symlink would leave the real /proc of the rootfs to be forged. A /dev that
  // leads to nothing is no accident either.
  const bool dead_dev = mount.destination == "/dev" && !open_in_root(root, "/dev");
  auto target =
      make_in_root(root, mount.destination, kind, !is_kernel_view(mount.type) && !dead_dev);
  if (!target) {
    errno = target.error().errno_value;
    if (is_kernel_view(mount.type) && errno == ELOOP) {
      return failed("mount", mount.destination + " is a symbolic link in the rootfs; " +
                                 mount.type + " is mounted on a real directory only");
    }
    return failed("mount", mount.destination + " cannot be made in the rootfs");
  }
  return UniqueFd(target->release());
}

TargetKind target_kind(int mount) {
  struct stat status{};
  return ::fstat(mount, &status) == 0 && !S_ISDIR(status.st_mode) ? TargetKind::file
                                                                  : TargetKind::directory;
}

// A bind with all that its options ask for, still detached.
StepResult<UniqueFd> make_bind(const Mount& mount, const MountOptions& options, const Spec& spec) {
  CGW_ASSIGN(UniqueFd detached, bind_mount(AT_FDCWD, mount.source, options));
  CGW_TRY(map_mount_ids(detached.get(), mount, options, spec));
  return detached;
}

std::string octal(mode_t mode) {
  std::array<char, 16> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), mode & 07777U, 8).ptr;
  return {text.data(), end};
}

// As runc does: without `mode=` a tmpfs has the mode of the directory that it covers.
StepResult<UniqueFd> make_tmpfs(int root, const Mount& mount, const MountOptions& options,
                                const Spec& spec) {
  MountOptions adjusted = options;
  auto covered = open_in_root(root, mount.destination, O_DIRECTORY);
  struct stat status{};
  if (!options.has_data("mode") && covered && ::fstat(covered->get(), &status) == 0) {
    adjusted.data.emplace_back("mode", octal(status.st_mode));
  }
  if (!spec.mount_label.empty() && !options.has_data("context")) {
    adjusted.data.emplace_back("context", spec.mount_label);
  }
  if (!options.copy_up || !covered) return new_mount(mount.type, mount.source, adjusted);
  adjusted.attributes_set &= ~static_cast<std::uint64_t>(MOUNT_ATTR_RDONLY);
  adjusted.recursive_set &= ~static_cast<std::uint64_t>(MOUNT_ATTR_RDONLY);
  CGW_ASSIGN(UniqueFd detached, new_mount(mount.type, mount.source, adjusted));
  CGW_TRY(copy_up(covered->get(), detached.get()));
  mount_attr attributes{};
  attributes.attr_set = options.all_set() & MOUNT_ATTR_RDONLY;
  if (::mount_setattr(detached.get(), "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) != 0) {
    return failed("mount", mount.destination + " cannot be made read-only");
  }
  return detached;
}

StepResult<UniqueFd> make_mount(int root, const Mount& mount, const MountOptions& options,
                                const Spec& spec) {
  if (options.bind) return make_bind(mount, options, spec);
  if (options.copy_up && mount.type != "tmpfs") {
    return refused("mount",
                   mount.destination + ": tmpcopyup is an option of tmpfs, not of " + mount.type);
  }
  CGW_ASSIGN(UniqueFd detached, mount.type == "tmpfs" ? make_tmpfs(root, mount, options, spec)
                                                      : kernel_mount(mount, options, spec));
  CGW_TRY(map_mount_ids(detached.get(), mount, options, spec));
  return detached;
}

bool is_flag(Propagation propagation, std::uint64_t flag) { return propagation.flag == flag; }

// The host's mounts are private here, or slaves, or still shared, as linux.rootfsPropagation says
// (open_rootfs); one that the parent opened is brought to the same state first. Then: what the
// options say, else nothing that happens on a bind reaches the host.
Step settle_propagation(int detached, const MountOptions& options, const Spec& spec,
                        bool from_parent) {
  const Propagation rootfs = propagation_of(spec.rootfs_propagation);
  const bool shared = is_flag(rootfs, MS_SHARED);
  const bool own = options.propagation != 0;
  const std::uint64_t base = is_flag(rootfs, MS_SLAVE) ? MS_SLAVE : MS_PRIVATE;
  const bool cut = (from_parent && !shared) || (options.bind && shared && !own);
  bool done = !cut || set_propagation(detached, {.flag = base, .recursive = true});
  if (own) {
    done = done && set_propagation(detached, {.flag = options.propagation,
                                              .recursive = options.recursive_propagation});
  } else if (shared && rootfs.recursive) {
    done = done && set_propagation(detached, rootfs);
  }
  if (!done) return failed("mount", "the propagation of the mount cannot be set");
  return {};
}

std::string without_last_slashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

Step remount_one(int root, const Mount& mount, const MountOptions& options) {
  const auto target = open_in_root(root, mount.destination);
  if (!target) {
    errno = target.error().errno_value;
    return failed("mount", mount.destination + " cannot be opened to be mounted again");
  }
  return remount(target->get(), mount, options);
}

bool is_fresh_dev(const Mount& mount, const MountOptions& options) {
  return mount.destination == "/dev" && !options.bind && !options.remount;
}

bool is_readonly(const MountOptions& options) {
  return (options.all_set() & MOUNT_ATTR_RDONLY) != 0;
}

// What a read-only /dev holds has to be made first.
void write_first(MountOptions& options) {
  options.attributes_set &= ~static_cast<std::uint64_t>(MOUNT_ATTR_RDONLY);
  options.recursive_set &= ~static_cast<std::uint64_t>(MOUNT_ATTR_RDONLY);
}

// File systems that are the same whatever the network namespace of who mounts them. A bind is none:
// its source may be in procfs, where /proc/net and /proc/self/ns/net are those of who looks.
bool knows_no_network(const Mount& mount) {
  constexpr std::array<std::string_view, 5> kTypes{"proc", "tmpfs", "devpts", "mqueue", "cgroup"};
  return !sort_options(mount).bind && std::ranges::find(kTypes, mount.type) != kTypes.end();
}

Step make_readonly(int root, const std::string& path) {
  const auto target = open_in_root(root, path);
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY;
  if (target &&
      ::mount_setattr(target->get(), "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) == 0) {
    return {};
  }
  if (!target) errno = target.error().errno_value;
  return failed("mount", path + " cannot be made read-only");
}

Step mount_one(int root, const Spec& spec, const Mount& mount, UniqueFd source) {
  MountOptions options = sort_options(mount);
  const bool fresh_dev = is_fresh_dev(mount, options);
  if (fresh_dev) write_first(options);
  if (options.remount && !options.bind) return remount_one(root, mount, options);
  UniqueFd made = std::move(source);
  const bool from_parent = made.valid();
  if (!from_parent) {
    CGW_ASSIGN(made, make_mount(root, mount, options, spec));
  }
  const int fresh = made.get();
  CGW_TRY(settle_propagation(fresh, options, spec, from_parent));
  CGW_ASSIGN(const UniqueFd target, open_target(root, mount, target_kind(fresh)));
  CGW_TRY(check_target(target.get(), mount));
  if (!attach(fresh, target.get())) {
    return failed("mount", mount.destination + " cannot be mounted on");
  }
  return fresh_dev ? fill_dev(fresh, spec, true) : Step{};
}

// Without a mount on /dev the devices are made in the rootfs itself; a bind of a whole /dev (the
// host's, a volume) is left as it is.
Step fill_dev_of_rootfs(int root, const Spec& spec) {
  auto dev = make_in_root(root, "/dev", TargetKind::directory, false);
  if (!dev) {
    errno = dev.error().errno_value;
    return failed("dev", "/dev cannot be made in the rootfs");
  }
  return fill_dev(dev->get(), spec, false);
}

}  // namespace

void resolve_in_bundle(Spec& spec, const std::string& bundle) {
  const auto resolve = [&bundle](std::string& path) {
    if (!path.empty() && path.front() != '/') path = bundle + "/" + path;
  };
  resolve(spec.root_path);
  for (auto& mount : spec.mounts) {
    if (sort_options(mount).bind) resolve(mount.source);
  }
}

StepResult<MountSources> open_mount_sources(const Spec& spec) {
  MountSources sources;
  sources.mounts.resize(spec.mounts.size());
  if (!spec.has_namespace(NamespaceType::user)) return sources;
  // Nothing is mounted in somebody else's.
  if (joins_namespace(spec, NamespaceType::mount)) return sources;
  sources.room = RoomForFiles(spec.mounts.size());
  for (std::size_t i = 0; i < spec.mounts.size(); ++i) {
    const MountOptions options = sort_options(spec.mounts[i]);
    // Without privileges the child binds it, who has them in the new namespaces.
    if (options.bind && options.id_map == IdMap::none && ::geteuid() != 0) continue;
    if (options.bind) {
      CGW_ASSIGN(sources.mounts[i], make_bind(spec.mounts[i], options, spec));
    } else if (options.id_map != IdMap::none) {
      return refused("mount", spec.mounts[i].destination +
                                  ": in a user namespace only a bind mount can be id-mapped");
    }
  }
  return sources;
}

Step mount_all(int root, const Spec& spec, MountSources* sources,
               const std::function<Step()>& enter_network) {
  bool outside = static_cast<bool>(enter_network);
  bool has_dev = false;
  bool readonly_dev = false;
  for (std::size_t i = 0; i < spec.mounts.size(); ++i) {
    Mount mount = spec.mounts[i];
    mount.destination = without_last_slashes(mount.destination);
    if (mount.destination == "/dev") {
      has_dev = true;
      const MountOptions options = sort_options(mount);
      readonly_dev = is_fresh_dev(mount, options) && is_readonly(options);
    }
    if (outside && !knows_no_network(mount)) {
      CGW_TRY(enter_network());
      outside = false;
    }
    CGW_TRY(mount_one(root, spec, mount,
                      sources == nullptr ? UniqueFd() : std::move(sources->mounts[i])));
  }
  if (outside) CGW_TRY(enter_network());
  if (sources != nullptr) sources->room.give_back();
  if (!has_dev) CGW_TRY(fill_dev_of_rootfs(root, spec));
  CGW_TRY(make_devices(root, spec));
  return readonly_dev ? make_readonly(root, "/dev") : Step{};
}

}  // namespace cgwarden::launcher
