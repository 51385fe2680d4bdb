#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "launcher/spec.h"

namespace cgwarden::launcher {

// Mount options of config.json sorted by where the kernel takes them: mount_setattr(2) attributes,
// propagation, and what belongs to the file system itself (fsconfig(2)).
struct MountOptions {
  bool bind = false;
  bool recursive = false;            // rbind
  std::uint64_t attributes_set = 0;  // MOUNT_ATTR_*
  std::uint64_t attributes_clear = 0;
  std::uint64_t recursive_set = 0;  // rro, rnosuid, ...: to every mount below as well
  std::uint64_t recursive_clear = 0;
  std::uint64_t propagation = 0;  // MS_PRIVATE, MS_SHARED, MS_SLAVE, MS_UNBINDABLE or 0
  bool recursive_propagation = false;
  // key, value; no value for a flag option ("sync").
  std::vector<std::pair<std::string, std::optional<std::string>>> data;
};

// `nodev` is set unless the options say `dev`: the default capabilities contain CAP_MKNOD, and a
// device node made on a nodev mount opens nothing.
[[nodiscard]] MountOptions sort_options(const Mount& mount);

}  // namespace cgwarden::launcher
