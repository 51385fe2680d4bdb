#include "identity/block_devices.h"

#include <filesystem>
#include <system_error>

namespace cgwarden::identity {

void BlockDevices::observe(const cgroup::Snapshot& snapshot) {
  DeviceNames found;
  for (const auto& sample : snapshot.samples()) {
    if (!sample.io_stat || sample.path.find('/', 1) != std::string::npos) continue;
    for (const auto& device : *sample.io_stat) {
      const auto [at, is_new] = found.try_emplace({device.major, device.minor});
      if (!is_new) continue;
      std::error_code absent;
      const auto target = std::filesystem::read_symlink(
          links_ + "/" + std::to_string(device.major) + ":" + std::to_string(device.minor), absent);
      at->second = target.filename().string();
    }
  }
  std::erase_if(found, [](const auto& device) { return device.second.empty(); });
  if (found != *names_) names_ = std::make_shared<const DeviceNames>(std::move(found));
}

}  // namespace cgwarden::identity
