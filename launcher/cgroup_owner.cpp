#include "launcher/cgroup_owner.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/limits.h"
#include "base/text.h"
#include "launcher/cgroup_host.h"
#include "launcher/host_uid.h"
#include "launcher/namespaces.h"

namespace cgwarden::launcher {
namespace {

constexpr const char* kDelegate = "/sys/kernel/cgroup/delegate";
// cgroups(7) "Cgroups delegation": the list of a kernel that has no such file (before 4.15).
constexpr std::string_view kAlways = "cgroup.procs\ncgroup.subtree_control\ncgroup.threads\n";

bool is_writable_cgroup(const Mount& mount) {
  std::string_view destination = mount.destination;
  while (destination.ends_with('/')) destination.remove_suffix(1);
  if (mount.source != "cgroup" || destination != "/sys/fs/cgroup") return false;
  bool writable = true;
  for (const std::string& option : mount.options) {
    if (option == "ro" || option == "rro") writable = false;
    if (option == "rw" || option == "rrw") writable = true;
  }
  return writable;
}

// Of a joined user namespace only the kernel knows the mappings.
StepResult<std::optional<uid_t>> user_on_the_host(const Spec& spec) {
  const uid_t uid = spec.process.user.uid;
  const auto user = std::ranges::find(spec.namespaces, NamespaceType::user, &Namespace::type);
  if (user == spec.namespaces.end()) return uid;
  if (!user->path.empty()) return host_uid(user->path, uid);
  for (const IdMapping& mapping : spec.uid_mappings) {
    if (uid >= mapping.container_id && uid - mapping.container_id < mapping.size) {
      return mapping.host_id + (uid - mapping.container_id);
    }
  }
  return std::nullopt;
}

// Not every file is in every cgroup.
bool give(int directory, const std::string& name, uid_t owner) {
  constexpr auto kGroupStays = static_cast<gid_t>(-1);
  const int flags = AT_SYMLINK_NOFOLLOW | (name.empty() ? AT_EMPTY_PATH : 0);
  return ::fchownat(directory, name.c_str(), owner, kGroupStays, flags) == 0 || errno == ENOENT;
}

// Below the depth to which this runtime looks for processes and removes what is left.
Step limit_depth(int directory, uid_t owner) {
  const std::string text = owner == ::geteuid() ? "max" : std::to_string(limits::kCgroupDepth / 2);
  const auto file = open_at(directory, "cgroup.max.depth", O_WRONLY);
  if (!file || !write_all(file->get(), text, "cgroup.max.depth")) {
    return failed("cgroup", "cgroup.max.depth cannot be set to " + text);
  }
  return {};
}

}  // namespace

StepResult<std::optional<uid_t>> cgroup_owner(const Spec& spec) {
  if (!makes_namespace(spec, NamespaceType::cgroup)) return std::nullopt;
  // Its mounts are not made.
  if (joins_namespace(spec, NamespaceType::mount)) return std::nullopt;
  if (!std::ranges::any_of(spec.mounts, is_writable_cgroup)) return std::nullopt;
  return user_on_the_host(spec);
}

Step give_cgroup(int directory, uid_t owner) {
  const auto listed = read_file(kDelegate, limits::kControlFileBytes);
  const std::string_view names = listed ? std::string_view(*listed) : kAlways;
  if (!give(directory, "", owner)) {
    if (errno == EPERM && is_rootless()) return {};
    return failed("cgroup", "its directory cannot be given to uid " + std::to_string(owner));
  }
  for (const std::string_view name : split(names, '\n')) {
    if (name.empty() || name.find('/') != std::string_view::npos) continue;
    if (!give(directory, std::string(name), owner)) {
      return failed("cgroup",
                    std::string(name) + " cannot be given to uid " + std::to_string(owner));
    }
  }
  return limit_depth(directory, owner);
}

}  // namespace cgwarden::launcher
