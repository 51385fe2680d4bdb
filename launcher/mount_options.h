#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "launcher/spec.h"

namespace cgwarden::launcher {

enum class IdMap { none, this_mount, recursive };

// Mount options of config.json sorted by where the kernel takes them: mount_setattr(2) attributes,
// propagation, and what belongs to the file system itself (fsconfig(2)).
struct MountOptions {
  bool bind = false;
  bool recursive = false;            // rbind
  bool remount = false;              // change what is mounted there, mount nothing new
  bool copy_up = false;              // tmpcopyup: a tmpfs begins with what the rootfs has there
  IdMap id_map = IdMap::none;        // idmap, ridmap, or mappings of its own
  std::uint64_t attributes_set = 0;  // MOUNT_ATTR_*
  std::uint64_t attributes_clear = 0;
  std::uint64_t recursive_set = 0;  // rro, rnosuid, ...: to every mount below as well
  std::uint64_t recursive_clear = 0;
  std::uint64_t propagation = 0;  // MS_PRIVATE, MS_SHARED, MS_SLAVE, MS_UNBINDABLE or 0
  bool recursive_propagation = false;
  // key, value; no value for a flag option ("sync").
  std::vector<std::pair<std::string, std::optional<std::string>>> data;

  [[nodiscard]] bool has_data(std::string_view key) const;
  // MOUNT_ATTR_* of the mount itself after both: the recursive ones are set last.
  [[nodiscard]] std::uint64_t all_set() const {
    return (attributes_set & ~recursive_clear) | recursive_set;
  }
};

// Only what the options say is set: runtime-spec config.md has no default but the kernel's, and
// what a device node on the mount opens is up to the cgroup's device rules. default_spec() says
// `nodev` itself. Of two options that contradict each other the later one wins.
[[nodiscard]] MountOptions sort_options(const Mount& mount);

// "shared", "rslave", ... of linux.rootfsPropagation and of mount options.
struct Propagation {
  std::uint64_t flag = 0;  // MS_*; 0: none of the eight names
  bool recursive = false;
};
[[nodiscard]] Propagation propagation_of(std::string_view name);

// Every option that is not a file system's own, for `features`.
[[nodiscard]] std::vector<std::string> mount_option_names();

}  // namespace cgwarden::launcher
