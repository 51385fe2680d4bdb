#include "policy/adapt/time_to_oom.h"

#include <algorithm>
#include <array>
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
// And in its last quarter at this share of that pace.
constexpr double kStillGrows = 0.3;
// A step back of more than this share of what it climbed is none that only frees a little.
constexpr double kStepBack = 0.05;
// A climb of a few seconds says nothing of the time after it, as of a start that fills its caches.
constexpr double kClimbSeconds = 120;
constexpr double kHeightSeconds = 5;
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
  trend = find_trend();
}

// What grew at the beginning of the window alone, as a program that starts, has come to rest.
bool OomForecaster::Window::still_grows(double per_second) const {
  const double quarter = (points.back().second - points.front().second) / 4;
  std::array<double, 2> sums{};
  std::array<double, 2> counts{};
  for (const TimedBytes& point : points) {
    const double ago = points.back().second - point.second;
    if (ago >= 2 * quarter) continue;
    const std::size_t which = ago < quarter ? 1 : 0;
    sums.at(which) += point.bytes;
    counts.at(which) += 1;
  }
  if (counts[0] == 0 || counts[1] == 0) return false;
  const double grown = sums[1] / counts[1] - sums[0] / counts[0];
  return grown >= kStillGrows * per_second * quarter;
}

std::optional<Slope> OomForecaster::Window::find_trend() const {
  if (points.empty()) return std::nullopt;
  const double seen = points.back().second - points.front().second;
  if (seen < seconds * kSeenShare) return std::nullopt;
  const std::vector<TimedBytes> all(points.begin(), points.end());
  const auto slope = theil_sen(all);
  if (!slope || slope->per_second < kLeastBytesPerSecond) return std::nullopt;
  if (slope->per_second * seen < kTrendOverSpread * slope->spread) return std::nullopt;
  if (!still_grows(slope->per_second)) return std::nullopt;
  return slope;
}

void OomForecaster::note_height(const TimedBytes& point) {
  if (!heights_.empty() && point.second < heights_.back().second) heights_.clear();
  if (heights_.empty() || point.second - heights_.back().second >= kHeightSeconds) {
    heights_.push_back(point);
  }
  heights_.back().bytes = std::max(heights_.back().bytes, point.bytes);
  while (point.second - heights_.front().second > ten_minutes_.seconds) heights_.pop_front();
}

// Was there lately what was never before? A heap that is collected now and then comes back to where
// it was.
bool OomForecaster::is_new_height(const Window& window) const {
  const double lately = std::max(quarter_.seconds, window.seconds / 4);
  const double begins = window.points.back().second - lately;
  double before = 0;
  double now = 0;
  for (const TimedBytes& height : heights_) {
    double& highest = height.second + kHeightSeconds <= begins ? before : now;
    highest = std::max(highest, height.bytes);
  }
  return now > before;
}

bool OomForecaster::never_steps_back(const Window& window) {
  const auto& points = window.points;
  if (points.size() < 8 || points.back().second - points.front().second < window.seconds - 1.5) {
    return false;
  }
  const double climbed = points.back().bytes - points.front().bytes;
  for (std::size_t i = 1; i < points.size(); ++i) {
    if (points[i - 1].bytes - points[i].bytes > kStepBack * climbed) return false;
  }
  // Nor has it come to rest in the last seconds.
  const TimedBytes& lately = points[points.size() - 4];
  const double seconds = points.back().second - lately.second;
  return points.back().bytes - lately.bytes >= climbed / window.seconds * seconds / 2;
}

void OomForecaster::take(const Window& window, std::span<const MemoryBound> bounds,
                         double most_seconds, OomForecast& forecast) const {
  const auto& slope = window.trend;
  if (!slope || !is_new_height(window)) return;
  for (const MemoryBound& bound : bounds) {
    const std::uint64_t used = std::min(bound.max.value, bound.unreclaimable.value);
    const double left = static_cast<double>(bound.max.value - used);
    const double seconds = left / slope->per_second;
    const Usec in{static_cast<std::uint64_t>(seconds * 1e6)};
    if (seconds > most_seconds || (forecast.in && *forecast.in <= in)) continue;
    forecast.in = in;
    forecast.bound = bound.path;
    forecast.left = Bytes{bound.max.value - used};
    forecast.bytes_per_second = slope->per_second;
    forecast.spread_bytes = slope->spread;
    forecast.window = Usec{static_cast<std::uint64_t>(window.seconds * 1e6)};
  }
}

OomForecast OomForecaster::look(Usec now, Bytes bytes, std::span<const MemoryBound> bounds) {
  const TimedBytes point{static_cast<double>(now.count()) / 1e6, static_cast<double>(bytes.value)};
  for (Window* window : {&quarter_, &minute_, &ten_minutes_}) window->add(point);
  note_height(point);
  OomForecast forecast;
  // Ten years fit into Usec.
  constexpr double kAnyTime = 3e8;
  take(minute_, bounds, kAnyTime, forecast);
  take(ten_minutes_, bounds, kAnyTime, forecast);
  if (never_steps_back(quarter_)) take(quarter_, bounds, kClimbSeconds, forecast);
  looks_.push_back(forecast.in && *forecast.in < limits_.warn);
  if (looks_.size() > kLooks) looks_.pop_front();
  forecast.warns = std::ranges::count(looks_, true) >= kLooksThatWarn;
  return forecast;
}

}  // namespace cgwarden::policy::adapt
