#include "launcher/kernel_mount.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "launcher/mounts.h"
#include "launcher/namespaces.h"

namespace cgwarden::launcher {
namespace {

constexpr const char* kCgroups = "/sys/fs/cgroup";

struct View {
  std::string_view type;
  NamespaceType shows;
  const char* host_path;
};
constexpr std::array<View, 4> kViews{{{"proc", NamespaceType::pid, "/proc"},
                                      {"sysfs", NamespaceType::network, "/sys"},
                                      {"mqueue", NamespaceType::ipc, "/dev/mqueue"},
                                      {"cgroup2", NamespaceType::cgroup, kCgroups}}};

// Options of a v1 hierarchy (cgroups(7), kernel/cgroup/cgroup-v1.c): the one hierarchy of v2 has
// all of its controllers and no names.
constexpr std::array<std::string_view, 20> kV1Options{
    "all",    "blkio",          "clone_children", "cpu",           "cpuacct",
    "cpuset", "cpuset_v2_mode", "devices",        "freezer",       "hugetlb",
    "memory", "misc",           "name",           "net_cls",       "none",
    "pids",   "net_prio",       "perf_event",     "release_agent", "xattr"};

bool is_v1(std::string_view option) {
  return option == "rdma" || option == "noprefix" ||
         std::ranges::find(kV1Options, option) != kV1Options.end();
}

// Every mount of the host's tree gets the options: those below would stay writable.
StepResult<UniqueFd> bind_view(const View& view, MountOptions options) {
  options.bind = true;
  options.recursive = true;
  options.recursive_set = options.all_set();
  options.recursive_clear |= options.attributes_clear;
  options.data.clear();
  return bind_mount(AT_FDCWD, view.host_path, options);
}

// Mounted there is cgroup2, or the tmpfs of a host with v1 hierarchies.
bool has_host_cgroups() {
  struct statfs file_system{};
  return ::statfs(kCgroups, &file_system) == 0 &&
         (file_system.f_type == CGROUP2_SUPER_MAGIC || file_system.f_type == TMPFS_MAGIC);
}

}  // namespace

StepResult<UniqueFd> kernel_mount(const Mount& mount, const MountOptions& options,
                                  const Spec& spec) {
  const bool cgroup = mount.type == "cgroup" || mount.type == "cgroup2";
  const std::string type = cgroup ? "cgroup2" : mount.type;
  const auto* const view = std::ranges::find(kViews, type, &View::type);
  MountOptions adjusted = options;
  if (cgroup) std::erase_if(adjusted.data, [](const auto& entry) { return is_v1(entry.first); });
  if (type == "devpts" && !spec.mount_label.empty() && !options.has_data("context")) {
    adjusted.data.emplace_back("context", spec.mount_label);
  }
  if (view == kViews.end()) return new_mount(type, mount.source, adjusted);
  if (cgroup && !spec.has_namespace(NamespaceType::cgroup) && has_host_cgroups()) {
    return bind_view(*view, adjusted);
  }
  auto fresh = new_mount(type, mount.source, adjusted);
  if (fresh || fresh.error().errno_value != EPERM) return fresh;
  // Of a namespace that belongs to another user namespace. Never for a new one, or one that was
  // joined: the host's view would show what it is there to hide, or another than what was joined.
  if (!spec.has_namespace(view->shows)) return bind_view(*view, adjusted);
  if (joins_namespace(spec, view->shows)) {
    fresh.error().text +=
        std::string("; if the ") + namespace_name(view->shows) +
        " namespace belongs to another user namespace, bind a mount that shows it";
  }
  return fresh;
}

}  // namespace cgwarden::launcher
