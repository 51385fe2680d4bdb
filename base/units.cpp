#include "base/units.h"

#include <fmt/format.h>

#include <array>

namespace cgwarden {

std::string human_bytes(Bytes bytes) {
  static constexpr std::array kUnits{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  auto value = static_cast<double>(bytes.value);
  std::size_t unit = 0;
  while (value >= 1024.0 && unit + 1 < kUnits.size()) {
    value /= 1024.0;
    ++unit;
  }
  if (unit == 0) return fmt::format("{} B", bytes.value);
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string human_duration(Usec duration) {
  const auto usec = duration.count();
  if (usec >= 60ULL * 1000 * 1000) {
    const auto seconds = usec / 1000000;
    if (seconds >= 3600) return fmt::format("{}h {}min", seconds / 3600, seconds % 3600 / 60);
    return fmt::format("{}min {}s", seconds / 60, seconds % 60);
  }
  if (usec >= 1000000) return fmt::format("{:.2f} s", static_cast<double>(usec) / 1e6);
  if (usec >= 1000) return fmt::format("{:.0f} ms", static_cast<double>(usec) / 1e3);
  return fmt::format("{} us", usec);
}

}  // namespace cgwarden
