#include "diagnosis/audit/mount_path.h"

#include <algorithm>
#include <cstdint>
#include <unordered_set>

namespace cgwarden::diagnosis::audit {
namespace {

using cgroup::MountLine;

bool has_option(const std::vector<std::string>& options, std::string_view wanted) {
  return std::ranges::find(options, wanted) != options.end();
}

bool same_file_system(const MountLine& one, const MountLine& other) {
  return one.device_major == other.device_major && one.device_minor == other.device_minor;
}

}  // namespace

bool is_within(std::string_view path, std::string_view directory) {
  if (directory == "/") return path.starts_with('/');
  return path.starts_with(directory) &&
         (path.size() == directory.size() || path[directory.size()] == '/');
}

const MountLine* covering_mount(const std::vector<MountLine>& table, std::string_view path) {
  std::unordered_set<std::uint64_t> ids;
  for (const MountLine& mount : table) ids.insert(mount.id);
  const MountLine* current = nullptr;
  // Each step enters a mount on the one before; the table has no longer chain than lines.
  for (std::size_t step = 0; step < table.size(); ++step) {
    const MountLine* next = nullptr;
    for (const MountLine& mount : table) {
      const bool on_top = current == nullptr
                              ? mount.parent == mount.id || !ids.contains(mount.parent)
                              : mount.parent == current->id && mount.id != current->id;
      if (!on_top || !is_within(path, mount.mount_point)) continue;
      // A walk meets the shallower mount first.
      if (next == nullptr || mount.mount_point.size() < next->mount_point.size()) next = &mount;
    }
    if (next == nullptr) break;
    current = next;
  }
  return current;
}

bool is_read_only(const MountLine& mount) {
  return has_option(mount.options, "ro") || has_option(mount.super_options, "ro");
}

std::vector<std::string> host_paths(const MountLine& mount, const std::vector<MountLine>& host) {
  std::vector<std::string> paths;
  for (const MountLine& there : host) {
    if (!same_file_system(mount, there) || !is_within(mount.root, there.root)) continue;
    std::string rest = there.root == "/" ? mount.root : mount.root.substr(there.root.size());
    if (rest == "/") rest.clear();
    std::string path = there.mount_point == "/" ? rest : there.mount_point + rest;
    paths.push_back(path.empty() ? "/" : std::move(path));
  }
  return paths;
}

bool holds_host_root(const MountLine& mount, const std::vector<MountLine>& host) {
  const MountLine* root = covering_mount(host, "/");
  return root != nullptr && same_file_system(mount, *root) && is_within(root->root, mount.root);
}

}  // namespace cgwarden::diagnosis::audit
