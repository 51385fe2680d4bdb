#include "policy/adapt/time_to_oom.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace cgwarden::policy::adapt {
namespace {

// A trend is what grew more than so many times the distance of the values from its line.
constexpr double kTrendOverSpread = 4;
// Half of a window must have been seen.
constexpr double kSeenShare = 0.5;
// Slower growth fills no limit within a day.
constexpr double kLeastBytesPerSecond = 4096;
constexpr std::size_t kLooks = 3;
constexpr std::ptrdiff_t kLooksThatWarn = 2;

double median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

}  // namespace

std::optional<Bytes> unreclaimable(const cgroup::MemoryStat& stat, bool swap) {
  if (!stat.anon) return std::nullopt;
  std::uint64_t bytes = stat.slab_unreclaimable.value_or(0) + stat.kernel_stack.value_or(0) +
                        stat.pagetables.value_or(0) + stat.percpu.value_or(0) +
                        stat.sock.value_or(0);
  // shmem is part of file, mlocked anonymous memory of anon.
  bytes += swap ? stat.unevictable.value_or(0) : *stat.anon + stat.shmem.value_or(0);
  return Bytes{bytes};
}

std::optional<Slope> theil_sen(std::span<const TimedBytes> points) {
  if (points.size() < 3) return std::nullopt;
  std::vector<double> slopes;
  for (std::size_t i = 0; i < points.size(); ++i) {
    for (std::size_t j = i + 1; j < points.size(); ++j) {
      const double seconds = points[j].second - points[i].second;
      if (seconds > 0) slopes.push_back((points[j].bytes - points[i].bytes) / seconds);
    }
  }
  if (slopes.empty()) return std::nullopt;
  const double slope = median(slopes);
  std::vector<double> starts;
  for (const auto& point : points) starts.push_back(point.bytes - slope * point.second);
  const double start = median(starts);
  std::vector<double> away;
  for (const auto& point : points) {
    away.push_back(std::abs(point.bytes - start - slope * point.second));
  }
  return Slope{slope, median(away)};
}

void OomForecaster::Window::add(const TimedBytes& point) {
  // The clock of another sampler: it begins anew.
  if (!points.empty() && point.second < points.back().second) points.clear();
  if (!points.empty() && point.second - points.back().second < apart * 0.99) return;
  points.push_back(point);
  while (point.second - points.front().second > seconds) points.pop_front();
}

std::optional<Slope> OomForecaster::Window::trend() const {
  if (points.empty()) return std::nullopt;
  const double seen = points.back().second - points.front().second;
  if (seen < seconds * kSeenShare) return std::nullopt;
  const std::vector<TimedBytes> all(points.begin(), points.end());
  const auto slope = theil_sen(all);
  if (!slope || slope->per_second < kLeastBytesPerSecond) return std::nullopt;
  if (slope->per_second * seen < kTrendOverSpread * slope->spread) return std::nullopt;
  return slope;
}

OomForecast OomForecaster::look(Usec now, Bytes bytes, std::span<const MemoryBound> bounds) {
  const TimedBytes point{static_cast<double>(now.count()) / 1e6, static_cast<double>(bytes.value)};
  minute_.add(point);
  ten_minutes_.add(point);
  OomForecast forecast;
  std::optional<double> soonest;
  for (const Window* window : {&minute_, &ten_minutes_}) {
    const auto slope = window->trend();
    if (!slope) continue;
    for (const MemoryBound& bound : bounds) {
      const std::uint64_t used = std::min(bound.max.value, bound.unreclaimable.value);
      const double left = static_cast<double>(bound.max.value - used);
      const double seconds = left / slope->per_second;
      if (soonest && *soonest <= seconds) continue;
      soonest = seconds;
      forecast.bound = bound.path;
      forecast.left = Bytes{bound.max.value - used};
      forecast.bytes_per_second = slope->per_second;
      forecast.spread_bytes = slope->spread;
      forecast.window = Usec{static_cast<std::uint64_t>(window->seconds * 1e6)};
    }
  }
  if (soonest) forecast.in = Usec{static_cast<std::uint64_t>(*soonest * 1e6)};
  looks_.push_back(forecast.in && *forecast.in < kOomWarning);
  if (looks_.size() > kLooks) looks_.pop_front();
  forecast.warns = std::ranges::count(looks_, true) >= kLooksThatWarn;
  return forecast;
}

}  // namespace cgwarden::policy::adapt
