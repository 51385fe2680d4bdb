#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <span>
#include <string>

#include "base/units.h"
#include "cgroup/samples.h"

namespace cgwarden::policy::adapt {

// Bytes that reclaim cannot free: kernel memory that is in use, and without swap anonymous memory
// and shmem too (memory.stat, cgroup-v2.rst). Absent when memory.stat has no anon.
[[nodiscard]] std::optional<Bytes> unreclaimable(const cgroup::MemoryStat& stat, bool swap);

// A memory.max above (or of) the cgroup, and what reclaim cannot free below it.
struct MemoryBound {
  std::string path;
  Bytes max;
  Bytes unreclaimable;
};

// Median of the slopes between all pairs: one sample in four may be anything.
struct Slope {
  double per_second = 0;
  double spread = 0;  // median distance of the values from the line
};
struct TimedBytes {
  double second = 0;
  double bytes = 0;
};
// nullopt: fewer than three points, or all of one time.
[[nodiscard]] std::optional<Slope> theil_sen(std::span<const TimedBytes> points);

struct OomForecast {
  bool warns = false;      // two of the last three looks saw the end within OomLimits::warn
  std::optional<Usec> in;  // absent: it does not grow, or no limit is in its way
  std::string bound;       // the limit that is hit first
  Bytes left{0};           // up to it
  double bytes_per_second = 0;
  double spread_bytes = 0;
  Usec window{0};  // over which it was seen
};
struct OomLimits {
  Usec warn{600'000'000};  // so long before
  bool operator==(const OomLimits&) const = default;
};

// When one cgroup will hit a memory.max that reclaim cannot save it from: the trend of its
// unreclaimable bytes over the last minute and the last ten. What goes up and down by more than it
// grows is no trend. A fast leak leaves no minute: what has climbed for a quarter of one without a
// step back, to more than it ever had in the last ten, is believed when its end is near. Thread
// rule: one per cgroup instance.
class OomForecaster {
 public:
  explicit OomForecaster(const OomLimits& limits = {}) : limits_(limits) {}
  // `bounds`: of the cgroup and its ancestors, those without limit left out.
  [[nodiscard]] OomForecast look(Usec now, Bytes bytes, std::span<const MemoryBound> bounds);

 private:
  // Samples so far apart, as many as fit.
  struct Window {
    double seconds;
    double apart;
    std::deque<TimedBytes> points;
    std::optional<Slope> trend = {};  // of the last point that was taken
    void add(const TimedBytes& point);
    [[nodiscard]] std::optional<Slope> find_trend() const;
    [[nodiscard]] bool still_grows(double per_second) const;
  };
  void note_height(const TimedBytes& point);
  void take(const Window& window, std::span<const MemoryBound> bounds, double most_seconds,
            OomForecast& forecast) const;
  [[nodiscard]] bool is_new_height(const Window& window) const;
  [[nodiscard]] static bool never_steps_back(const Window& window);

  OomLimits limits_;
  Window quarter_{15, 1, {}};
  Window minute_{60, 2, {}};
  Window ten_minutes_{600, 10, {}};
  std::deque<TimedBytes> heights_;  // the most of each few seconds of the last ten minutes
  std::deque<bool> looks_;
};

}  // namespace cgwarden::policy::adapt
