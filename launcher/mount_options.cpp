#include "launcher/mount_options.h"

#include <linux/mount.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace cgwarden::launcher {
namespace {

struct AttributeRow {
  std::string_view name;
  std::uint64_t set;
  std::uint64_t clear;
};
// mount(8) names; the access time options are one field (MOUNT_ATTR__ATIME), cleared before set.
constexpr std::array<AttributeRow, 18> kAttributes{{
    {"ro", MOUNT_ATTR_RDONLY, 0},
    {"rw", 0, MOUNT_ATTR_RDONLY},
    {"nosuid", MOUNT_ATTR_NOSUID, 0},
    {"suid", 0, MOUNT_ATTR_NOSUID},
    {"nodev", MOUNT_ATTR_NODEV, 0},
    {"dev", 0, MOUNT_ATTR_NODEV},
    {"noexec", MOUNT_ATTR_NOEXEC, 0},
    {"exec", 0, MOUNT_ATTR_NOEXEC},
    {"noatime", MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME},
    {"atime", 0, MOUNT_ATTR__ATIME},
    {"relatime", MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
    {"norelatime", 0, MOUNT_ATTR__ATIME},
    {"strictatime", MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
    {"nostrictatime", 0, MOUNT_ATTR__ATIME},
    {"nodiratime", MOUNT_ATTR_NODIRATIME, 0},
    {"diratime", 0, MOUNT_ATTR_NODIRATIME},
    {"nosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0},
    {"symfollow", 0, MOUNT_ATTR_NOSYMFOLLOW},
}};

// MS_* of mount(2) under names of our own: linux/mount.h and sys/mount.h clash in glibc 2.36.
struct PropagationRow {
  std::string_view name;
  std::uint64_t flag;
};
constexpr std::array<PropagationRow, 4> kPropagation{{
    {"unbindable", 1U << 17U},
    {"private", 1U << 18U},
    {"slave", 1U << 19U},
    {"shared", 1U << 20U},
}};

// mount(8) words without a counterpart in fsconfig(2) and without effect in today's kernels: a
// message is never printed twice, and the file system decides on its own about i_version.
constexpr std::array<std::string_view, 5> kWithoutEffect{"defaults", "silent", "loud", "iversion",
                                                         "noiversion"};
// Flags of the superblock (fs/fs_context.c): mount(2) leaves them out of a bind, which has none of
// its own.
constexpr std::array<std::string_view, 7> kSuperblockFlags{
    "sync", "async", "dirsync", "lazytime", "nolazytime", "mand", "nomand"};

void add(std::uint64_t set, std::uint64_t clear, std::uint64_t& to_set, std::uint64_t& to_clear) {
  to_clear = (to_clear & ~set) | clear;
  to_set = (to_set & ~clear) | set;
  // The access time is one field: mount_setattr(2) demands that all of it is cleared to set any.
  if ((clear & MOUNT_ATTR__ATIME) != 0) to_clear |= MOUNT_ATTR__ATIME;
}

bool take_attribute(std::string_view option, MountOptions& sorted) {
  for (const auto& row : kAttributes) {
    if (option == row.name) {
      add(row.set, row.clear, sorted.attributes_set, sorted.attributes_clear);
      return true;
    }
    if (option.starts_with('r') && option.substr(1) == row.name) {
      add(row.set, row.clear, sorted.recursive_set, sorted.recursive_clear);
      return true;
    }
  }
  return false;
}

bool take_propagation(std::string_view option, MountOptions& sorted) {
  const Propagation propagation = propagation_of(option);
  if (propagation.flag == 0) return false;
  sorted.propagation = propagation.flag;
  sorted.recursive_propagation = propagation.recursive;
  return true;
}

bool take_kind(std::string_view option, MountOptions& sorted) {
  if (option == "bind" || option == "rbind") {
    sorted.bind = true;
    sorted.recursive |= option == "rbind";
  } else if (option == "idmap" || option == "ridmap") {
    sorted.id_map = option == "idmap" ? IdMap::this_mount : IdMap::recursive;
  } else if (option == "remount") {
    sorted.remount = true;
  } else if (option == "tmpcopyup") {
    sorted.copy_up = true;
  } else {
    return std::ranges::find(kWithoutEffect, option) != kWithoutEffect.end();
  }
  return true;
}

}  // namespace

Propagation propagation_of(std::string_view name) {
  for (const auto& row : kPropagation) {
    if (name == row.name) return {.flag = row.flag, .recursive = false};
    if (name.starts_with('r') && name.substr(1) == row.name) {
      return {.flag = row.flag, .recursive = true};
    }
  }
  return {};
}

bool MountOptions::has_data(std::string_view key) const {
  return std::ranges::any_of(data, [key](const auto& entry) { return entry.first == key; });
}

MountOptions sort_options(const Mount& mount) {
  MountOptions sorted;
  sorted.bind = mount.type == "bind";
  for (const std::string& option : mount.options) {
    if (take_kind(option, sorted) || take_attribute(option, sorted) ||
        take_propagation(option, sorted)) {
      continue;
    }
    const std::size_t equals = option.find('=');
    if (equals == std::string::npos) {
      sorted.data.emplace_back(option, std::nullopt);
    } else {
      sorted.data.emplace_back(option.substr(0, equals), option.substr(equals + 1));
    }
  }
  if (sorted.id_map == IdMap::none &&
      (!mount.uid_mappings.empty() || !mount.gid_mappings.empty())) {
    sorted.id_map = IdMap::this_mount;
  }
  if (sorted.bind) {
    std::erase_if(sorted.data, [](const auto& entry) {
      return std::ranges::find(kSuperblockFlags, entry.first) != kSuperblockFlags.end();
    });
  }
  return sorted;
}

std::vector<std::string> mount_option_names() {
  std::vector<std::string> names{"defaults", "bind", "rbind", "tmpcopyup", "idmap", "ridmap"};
  for (const auto& row : kAttributes) {
    names.emplace_back(row.name);
    names.push_back("r" + std::string(row.name));
  }
  for (const auto& row : kPropagation) {
    names.emplace_back(row.name);
    names.push_back("r" + std::string(row.name));
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace cgwarden::launcher
