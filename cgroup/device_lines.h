#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "cgroup/format.h"

namespace cgwarden::cgroup {

struct DeviceNumber {
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
};

// "8:16". Without leading zeros: "08:0" would be a second name of 8:0, past the check for duplicate
// keys.
[[nodiscard]] std::optional<DeviceNumber> parse_device(std::string_view text);

// A nested keyed file with one line for each device. `store` puts a pair into its member, skips one
// it does not know, and gives false when the value is bad for its key.
template <typename Device, typename Store>
[[nodiscard]] Result<std::vector<Device>> parse_devices(std::string_view text,
                                                        std::string_view where, Store store) {
  std::vector<Device> devices;
  CGW_TRY(parse_nested_keyed(text, where,
                             [&](std::string_view key, const std::vector<NestedPair>& pairs) {
                               const auto number = parse_device(key);
                               if (!number) return false;
                               Device device;
                               device.major = number->major;
                               device.minor = number->minor;
                               for (const NestedPair& pair : pairs) {
                                 if (!store(device, pair)) return false;
                               }
                               devices.push_back(device);
                               return true;
                             }));
  return devices;
}

}  // namespace cgwarden::cgroup
