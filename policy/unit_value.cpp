#include "policy/unit_value.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>

#include "base/text.h"

namespace cgwarden::policy {
namespace {

constexpr std::array<std::string_view, 14> kFilesOfUnits{
    "cpu.weight",      "cpu.idle",    "cpu.max",     "memory.min", "memory.low",
    "memory.high",     "memory.max",  "pids.max",    "io.weight",  "io.max",
    "memory.swap.max", "cpuset.cpus", "cpuset.mems", "io.latency"};

constexpr std::uint64_t kUsecPerSecond = 1'000'000;
constexpr std::uint64_t kPercentPerSecond = 10'000;  // in microseconds

}  // namespace

std::optional<std::string> value_through_systemd(std::string_view file, const std::string& value) {
  if (std::ranges::find(kFilesOfUnits, file) == kFilesOfUnits.end()) return std::nullopt;
  // IODeviceWeight cannot take one device back to the default.
  if (file == "io.weight" && value.find(':') != std::string::npos) return std::nullopt;
  if (file != "cpu.max") return value;
  const auto words = split(value, ' ');
  if (words.size() != 2) return value;
  const auto quota = parse_integer<std::uint64_t>(words[0]);
  const auto period = parse_integer<std::uint64_t>(words[1]);
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max() / kUsecPerSecond;
  if (!quota || !period || *period == 0 || *quota >= kMost) return value;
  const std::uint64_t percents =
      (*quota * kUsecPerSecond / *period + kPercentPerSecond - 1) / kPercentPerSecond;
  return std::to_string(percents * kPercentPerSecond * *period / kUsecPerSecond) + " " +
         std::to_string(*period);
}

}  // namespace cgwarden::policy
