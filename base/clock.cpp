#include "base/clock.h"

#include <array>
#include <ctime>

namespace cgwarden {
namespace {

Usec read_clock(clockid_t id) {
  timespec time{};
  ::clock_gettime(id, &time);
  return Usec(static_cast<std::uint64_t>(time.tv_sec) * 1000000U +
              static_cast<std::uint64_t>(time.tv_nsec) / 1000U);
}

}  // namespace

TimePoint SystemClock::now() const {
  return TimePoint{.boottime = read_clock(CLOCK_BOOTTIME), .wall = read_clock(CLOCK_REALTIME)};
}

std::string format_wall_utc(Usec wall) {
  const auto seconds = static_cast<std::time_t>(wall.count() / 1000000U);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 40> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &parts);
  return {text.data(), size};
}

}  // namespace cgwarden
