#include "agent/unit_devices.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>

#include "base/text.h"

namespace cgwarden::agent {
namespace {

struct Named {
  std::string_view file;
  std::string_view key;
  std::string_view property;
};
constexpr std::array kDeviceKeys{
    Named{"io.max", "rbps", "IOReadBandwidthMax"},
    Named{"io.max", "wbps", "IOWriteBandwidthMax"},
    Named{"io.max", "riops", "IOReadIOPSMax"},
    Named{"io.max", "wiops", "IOWriteIOPSMax"},
    Named{"io.latency", "target", "IODeviceLatencyTargetUSec"},
};

std::optional<std::uint64_t> device_number_of(std::string_view text) {
  if (text == "max") return std::numeric_limits<std::uint64_t>::max();
  return parse_integer<std::uint64_t>(text);
}

void add(std::string_view property, std::string_view device, std::uint64_t number,
         std::vector<DeviceProperty>& properties) {
  auto at = std::ranges::find(properties, property, &DeviceProperty::name);
  if (at == properties.end()) {
    properties.push_back({std::string(property), {}});
    at = properties.end() - 1;
  }
  at->values.push_back({"/dev/block/" + std::string(device), number});
}

}  // namespace

std::vector<DeviceProperty> device_properties(std::string_view file, std::string_view value) {
  std::vector<DeviceProperty> properties;
  for (const std::string_view line : split(value, '\n')) {
    const auto words = split(line, ' ');
    for (std::size_t i = 1; i < words.size(); ++i) {
      const std::size_t equals = words[i].find('=');
      if (equals == std::string_view::npos) continue;
      const auto number = device_number_of(words[i].substr(equals + 1));
      const auto* const row = std::ranges::find_if(kDeviceKeys, [&](const Named& named) {
        return named.file == file && named.key == words[i].substr(0, equals);
      });
      if (number && row != kDeviceKeys.end()) add(row->property, words[0], *number, properties);
    }
  }
  return properties;
}

}  // namespace cgwarden::agent
