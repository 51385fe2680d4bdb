#include "launcher/mount_options.h"

#include <linux/mount.h>

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
constexpr std::array<AttributeRow, 16> kAttributes{{
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
    {"nodiratime", MOUNT_ATTR_NODIRATIME, 0},
    {"diratime", 0, MOUNT_ATTR_NODIRATIME},
    {"nosymfollow", MOUNT_ATTR_NOSYMFOLLOW, 0},
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

bool take_attribute(std::string_view option, MountOptions& sorted) {
  for (const auto& row : kAttributes) {
    if (option == row.name) {
      sorted.attributes_clear |= row.clear;
      sorted.attributes_set = (sorted.attributes_set & ~row.clear) | row.set;
      return true;
    }
    if (option.starts_with('r') && option.substr(1) == row.name) {
      sorted.recursive_clear |= row.clear;
      sorted.recursive_set = (sorted.recursive_set & ~row.clear) | row.set;
      return true;
    }
  }
  return false;
}

bool take_propagation(std::string_view option, MountOptions& sorted) {
  for (const auto& row : kPropagation) {
    const bool recursive = option.starts_with('r') && option.substr(1) == row.name;
    if (option != row.name && !recursive) continue;
    sorted.propagation = row.flag;
    sorted.recursive_propagation = recursive;
    return true;
  }
  return false;
}

}  // namespace

MountOptions sort_options(const Mount& mount) {
  MountOptions sorted;
  sorted.bind = mount.type == "bind";
  sorted.attributes_set = MOUNT_ATTR_NODEV;
  for (const std::string& option : mount.options) {
    if (option == "bind" || option == "rbind") {
      sorted.bind = true;
      sorted.recursive |= option == "rbind";
    } else if (option != "defaults" && !take_attribute(option, sorted) &&
               !take_propagation(option, sorted)) {
      const std::size_t equals = option.find('=');
      if (equals == std::string::npos) {
        sorted.data.emplace_back(option, std::nullopt);
      } else {
        sorted.data.emplace_back(option.substr(0, equals), option.substr(equals + 1));
      }
    }
  }
  return sorted;
}

}  // namespace cgwarden::launcher
