#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "cgroup/grouped_files.h"

// What a parsed value says, as text: "key" -> "value as the kernel printed it", absent members left
// out. Tests and fuzz targets compare these maps: a damaged input may say less, never something
// else.
namespace cgwarden::cgroup::testing {

using Facts = std::map<std::string, std::string>;

inline std::string show(std::uint64_t value) { return std::to_string(value); }
inline std::string show(bool value) { return value ? "1" : "0"; }
inline std::string show(Bytes value) { return std::to_string(value.value); }
inline std::string show(Usec value) { return std::to_string(value.count()); }
inline std::string show(Percent value) {
  const std::string decimals = std::to_string(value.hundredths % 100);
  return std::to_string(value.hundredths / 100) + (decimals.size() < 2 ? ".0" : ".") + decimals;
}
template <typename T>
std::string show(const LimitOf<T>& limit) {
  return is_max(limit) ? "max" : show(std::get<T>(limit));
}

template <typename T>
void add(Facts& facts, const std::string& key, const std::optional<T>& value) {
  if (value) facts[key] = show(*value);
}

template <typename Device>
std::string device_key(const Device& device) {
  return std::to_string(device.major) + ":" + std::to_string(device.minor);
}

}  // namespace cgwarden::cgroup::testing
