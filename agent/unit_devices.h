#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cgwarden::agent {

// A property of a unit with a number for each block device: a(st) of org.freedesktop.systemd1(5).
struct DeviceProperty {
  std::string name;  // "IOReadBandwidthMax"
  struct Value {
    std::string path;  // "/dev/block/8:0"
    std::uint64_t number = 0;
    bool operator==(const Value&) const = default;
  };
  std::vector<Value> values;
  bool operator==(const DeviceProperty&) const = default;
};

// The properties of io.max ("8:0 rbps=1048576 wiops=max", a line for each device) and io.latency
// ("8:0 target=10000"); none of other files.
[[nodiscard]] std::vector<DeviceProperty> device_properties(std::string_view file,
                                                            std::string_view value);

}  // namespace cgwarden::agent
