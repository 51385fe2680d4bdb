#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "cgroup/snapshot.h"

namespace cgwarden::identity {

// (major, minor) -> the kernel's name of the device: "sda", "dm-0".
using DeviceNames = std::map<std::pair<std::uint32_t, std::uint32_t>, std::string>;

// Names of the block devices in io.stat, from the links of /sys/dev/block. The kernel gives the
// numbers of a device that is gone to another one, so every observation reads them anew.
class BlockDevices {
 public:
  explicit BlockDevices(std::string links = "/sys/dev/block") : links_(std::move(links)) {}

  // The devices of the root and of the cgroups right below it: a cgroup's io is its parent's, too.
  void observe(const cgroup::Snapshot& snapshot);
  // The same object until a name changes; never nullptr.
  [[nodiscard]] std::shared_ptr<const DeviceNames> names() const { return names_; }

 private:
  std::string links_;
  std::shared_ptr<const DeviceNames> names_ = std::make_shared<const DeviceNames>();
};

}  // namespace cgwarden::identity
