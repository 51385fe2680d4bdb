#include "launcher/mounts.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/text.h"
#include "launcher/dev.h"
#include "launcher/path_in_root.h"

namespace cgwarden::launcher {
namespace {

// Messages that the file system left in its context ("e proc: Unknown parameter 'x'"), joined.
std::string context_log(int context) {
  std::string text;
  std::array<char, 512> message{};
  for (int i = 0; i < 8; ++i) {
    const ssize_t count = ::read(context, message.data(), message.size());
    if (count <= 2) break;
    text += text.empty() ? " (" : "; ";
    text += trim(std::string_view(message.data() + 2, static_cast<std::size_t>(count) - 2));
  }
  return text.empty() ? text : text + ")";
}

std::unexpected<LaunchError> context_failed(int context, const std::string& type,
                                            const std::string& what) {
  const int errno_value = errno;
  const std::string log = context_log(context);
  errno = errno_value;
  return failed("mount", type + ": " + what + log);
}

bool configure(int context, const std::string& key, const std::optional<std::string>& value) {
  return ::fsconfig(context, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, key.c_str(),
                    value ? value->c_str() : nullptr, 0) == 0;
}

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
  // proc and sysfs on a symlink would leave the real /proc of the rootfs to be forged.
  auto target = make_in_root(root, mount.destination, kind, !is_kernel_view(mount.type));
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

// cgroup in a cgroup namespace of its own is a fresh mount; without one a fresh mount would change
// the options of the host's, so the host's is bound.
StepResult<UniqueFd> make_mount(const Mount& mount, const Spec& spec, const MountOptions& options) {
  if (options.bind) return bind_mount(AT_FDCWD, mount.source, options);
  const bool cgroup = mount.type == "cgroup" || mount.type == "cgroup2";
  MountOptions adjusted = options;
  if (cgroup) adjusted.data.clear();  // v1 hierarchies named by options have no v2 counterpart
  const bool host_cgroup = cgroup && !spec.has_namespace(NamespaceType::cgroup);
  const bool host_sysfs = mount.type == "sysfs" && spec.has_namespace(NamespaceType::user) &&
                          !spec.has_namespace(NamespaceType::network);
  if (host_cgroup || host_sysfs) {
    adjusted.bind = true;
    adjusted.recursive = true;
    adjusted.recursive_set |= adjusted.attributes_set;
    return bind_mount(AT_FDCWD, host_cgroup ? "/sys/fs/cgroup" : "/sys", adjusted);
  }
  return new_mount(cgroup ? "cgroup2" : mount.type, mount.source, adjusted);
}

TargetKind target_kind(int mount) {
  struct stat status{};
  return ::fstat(mount, &status) == 0 && !S_ISDIR(status.st_mode) ? TargetKind::file
                                                                  : TargetKind::directory;
}

Step mount_one(int root, const Spec& spec, const Mount& mount) {
  const MountOptions options = sort_options(mount);
  CGW_ASSIGN(const UniqueFd fresh, make_mount(mount, spec, options));
  CGW_ASSIGN(const UniqueFd target, open_target(root, mount, target_kind(fresh.get())));
  CGW_TRY(check_target(target.get(), mount));
  if (!attach(fresh.get(), target.get())) {
    return failed("mount", mount.destination + " cannot be mounted on");
  }
  if (options.propagation != 0) {
    mount_attr attributes{};
    attributes.propagation = options.propagation;
    if (::mount_setattr(fresh.get(), "",
                        AT_EMPTY_PATH | (options.recursive_propagation ? AT_RECURSIVE : 0U),
                        &attributes, sizeof(attributes)) != 0) {
      return failed("mount", mount.destination + ": its propagation cannot be set");
    }
  }
  if (mount.destination == "/dev" && !options.bind) return fill_dev(fresh.get());
  return {};
}

}  // namespace

StepResult<UniqueFd> new_mount(const std::string& type, const std::string& source,
                               const MountOptions& options) {
  const UniqueFd context(::fsopen(type.c_str(), FSOPEN_CLOEXEC));
  if (!context.valid()) return failed("mount", type + " is not a file system of this kernel");
  // "source" only where it means something; pseudo file systems show it in mountinfo.
  if (!source.empty() && !configure(context.get(), "source", source)) {
    return context_failed(context.get(), type, "the source " + source + " is refused");
  }
  for (const auto& [key, value] : options.data) {
    if (!configure(context.get(), key, value)) {
      return context_failed(context.get(), type,
                            "the option " + key + (value ? "=" + *value : "") + " is refused");
    }
  }
  if (::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    return context_failed(context.get(), type, "it cannot be made");
  }
  UniqueFd mount(::fsmount(context.get(), FSMOUNT_CLOEXEC,
                           static_cast<unsigned>(options.attributes_set | options.recursive_set)));
  if (!mount.valid()) return context_failed(context.get(), type, "it cannot be mounted");
  return mount;
}

StepResult<UniqueFd> bind_mount(int directory, const std::string& source,
                                const MountOptions& options) {
  if (!options.data.empty()) {
    return refused("mount", "a bind mount has no option " + options.data.front().first);
  }
  const unsigned recursive = options.recursive ? AT_RECURSIVE : 0U;
  UniqueFd mount(::open_tree(
      directory, source.c_str(),
      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | recursive | (source.empty() ? AT_EMPTY_PATH : 0U)));
  if (!mount.valid()) return failed("mount", "the source " + source + " cannot be bound");
  mount_attr attributes{};
  attributes.attr_set = options.attributes_set;
  attributes.attr_clr = options.attributes_clear;
  if (::mount_setattr(mount.get(), "", AT_EMPTY_PATH, &attributes, sizeof(attributes)) != 0) {
    return failed("mount", "the options of the bind of " + source + " cannot be set");
  }
  if (options.recursive_set == 0 && options.recursive_clear == 0) return mount;
  attributes.attr_set = options.recursive_set;
  attributes.attr_clr = options.recursive_clear;
  if (::mount_setattr(mount.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes,
                      sizeof(attributes)) != 0) {
    return failed("mount", "the recursive options of the bind of " + source + " cannot be set");
  }
  return mount;
}

bool attach(int mount, int target) {
  return ::move_mount(mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) ==
         0;
}

Step mount_all(int root, const Spec& spec) {
  for (const auto& mount : spec.mounts) CGW_TRY(mount_one(root, spec, mount));
  return {};
}

}  // namespace cgwarden::launcher
