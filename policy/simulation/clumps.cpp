#include "policy/simulation/clumps.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <queue>
#include <random>

#include "policy/simulation/replay.h"

namespace cgwarden::policy::simulation {
namespace {

// Shorter samples are put together: pieces that a short one cuts in two would look like two.
constexpr double kWindowUsec = 950'000;
// Windows of about one length can be compared.
constexpr double kAlike = 0.2;
// Of the sizes: requests are alike, and now and then many come at once.
constexpr double kVariation = 2.5;
constexpr double kLeastClumpUsec = 100;
// More than a CPU is two of them only by more than a counter is off.
constexpr double kCpuSlack = 0.02;
// Of a throttled period's burst beyond the quota, in periods.
constexpr double kExtra = 0.1;
// How many of the throttled periods were bursts of their own, which the pieces do not make anyway;
// beyond 1 their bursts are larger. Where its search ends, and what it is without one.
constexpr double kMostStrength = 2;
constexpr double kUsualStrength = 0.5;
constexpr int kSearchSteps = 8;

struct Window {
  double usec = 0;
  double usage = 0;
  double throttled = 0;  // periods
  double lost = 0;
  std::optional<cgroup::CpuMax> max;
  Usec burst{0};
};

double number(Usec time) { return static_cast<double>(time.count()); }

bool has_quota(const Window& window) { return window.max && !is_max(window.max->quota); }

std::vector<Window> windows_of(std::span<const UsageSample> samples) {
  std::vector<Window> windows;
  for (const UsageSample& sample : samples) {
    const bool same = !windows.empty() && windows.back().usec < kWindowUsec &&
                      windows.back().max == sample.max && windows.back().burst == sample.burst;
    if (!same) windows.push_back({0, 0, 0, 0, sample.max, sample.burst});
    Window& window = windows.back();
    window.usec += number(sample.length);
    window.usage += number(sample.usage);
    window.throttled += static_cast<double>(sample.nr_throttled.value_or(0));
    window.lost += number(sample.throttled.value_or(Usec{0}));
  }
  return windows;
}

double clump_of(const std::vector<Window>& windows) {
  double differs = 0;
  double used = 0;
  for (std::size_t i = 1; i < windows.size(); ++i) {
    const Window& before = windows[i - 1];
    const Window& now = windows[i];
    if (std::abs(now.usec - before.usec) > kAlike * now.usec) continue;
    const double away = now.usage / now.usec - before.usage / before.usec;
    differs += away * away * now.usec * now.usec / 2;
    used += (now.usage + before.usage) / 2;
  }
  return used > 0 ? differs / used : 0;
}

// CPUs that wanted to run in the throttled periods.
double wanted_cpus(const Window& window) {
  const double quota = number(std::get<Usec>(window.max->quota));
  return (quota + window.lost / window.throttled) / number(window.max->period);
}

double whole_cpus(double cpus) { return std::max(1.0, std::ceil(cpus - kCpuSlack)); }

struct Clump {
  double from = 0;
  double work = 0;
};

class Placement {
 public:
  Placement(const std::vector<Window>& windows, double clump, double cpus)
      : windows_(windows), cpus_(cpus) {
    // E[size^2] / E[size] of a lognormal is its mean times 1 + variation^2.
    const double spread = 1 + kVariation * kVariation;
    const double mean = std::max(kLeastClumpUsec, clump) / spread;
    sizes_ = std::lognormal_distribution<double>(std::log(mean) - std::log(spread) / 2,
                                                 std::sqrt(std::log(spread)));
  }

  std::vector<Clump> place(double strength) {
    random_.seed(1);
    clumps_.clear();
    owed_ = 0;
    double begins = 0;
    double size = sizes_(random_);
    for (const Window& window : windows_) {
      double left = window.usage;
      if (window.throttled > 0 && has_quota(window)) left -= place_bursts(window, begins, strength);
      while (left > 1) {
        const double work = std::min(left, size);
        put(begins, window.usec, work);
        left -= work;
        size -= work;
        if (size <= 1) size = sizes_(random_);
      }
      if (left > 0) put(begins, window.usec, left);
      begins += window.usec;
    }
    std::ranges::stable_sort(clumps_, {}, &Clump::from);
    return std::move(clumps_);
  }

 private:
  void put(double begins, double usec, double work) {
    std::uniform_real_distribution<double> share(0, 1);
    clumps_.push_back({begins + share(random_) * std::max(0.0, usec - work), work});
  }

  double place_bursts(const Window& window, double begins, double strength) {
    owed_ += window.throttled * std::min(1.0, strength);
    const double count = std::floor(owed_);
    if (count == 0) return 0;
    owed_ -= count;
    const double quota = number(std::get<Usec>(window.max->quota));
    const double period = number(window.max->period);
    const double extra = kExtra + std::max(0.0, strength - 1);
    const double each = std::min(window.usage / count, quota + extra * period);
    const double cpus = std::min(cpus_, whole_cpus(wanted_cpus(window)));
    const double apart = std::min(period, window.usec / count);
    std::uniform_real_distribution<double> share(0, 1);
    double at = begins + share(random_) * (window.usec - apart * count);
    for (double i = 0; i < count; ++i, at += apart) {
      for (double cpu = 0; cpu < cpus; ++cpu) clumps_.push_back({at, each / cpus});
    }
    return each * count;
  }

  const std::vector<Window>& windows_;
  double cpus_;
  std::mt19937 random_;
  std::lognormal_distribution<double> sizes_;
  std::vector<Clump> clumps_;
  double owed_ = 0;  // part of a burst
};

// All at once on at most so many CPUs, which they share evenly.
class Sharing {
 public:
  explicit Sharing(double cpus) : cpus_(cpus) {}

  std::vector<Demand> run(const std::vector<Clump>& clumps, double length) {
    for (const Clump& clump : clumps) {
      until(clump.from);
      ends_.push(share_ + clump.work);
    }
    until(length);
    while (!ends_.empty()) until(now_ + (ends_.top() - share_) / rate());
    return std::move(out_);
  }

 private:
  // CPUs of each that runs.
  [[nodiscard]] double rate() const {
    return std::min(1.0, cpus_ / static_cast<double>(ends_.size()));
  }
  void until(double when) {
    while (!ends_.empty()) {
      const double end = now_ + (ends_.top() - share_) / rate();
      if (end > when) break;
      append(end, rate() * static_cast<double>(ends_.size()));
      share_ = ends_.top();
      ends_.pop();
    }
    if (when <= now_) return;
    const double cpus = ends_.empty() ? 0 : rate() * static_cast<double>(ends_.size());
    if (!ends_.empty()) share_ += (when - now_) * rate();
    append(when, cpus);
  }
  void append(double when, double cpus) {
    const double usec = when - now_;
    now_ = std::max(now_, when);
    if (usec <= 0) return;
    if (!out_.empty() && out_.back().cpus == cpus) {
      out_.back().usec += usec;
    } else {
      out_.push_back({usec, cpus});
    }
  }

  double cpus_;
  double now_ = 0;
  double share_ = 0;  // what each that ran all the time would have run
  // Where share_ is when they end.
  std::priority_queue<double, std::vector<double>, std::greater<>> ends_;
  std::vector<Demand> out_;
};

// The one setting of all throttled windows; absent: there are none, or several.
std::optional<CpuSetting> only_setting(const std::vector<Window>& windows) {
  std::optional<CpuSetting> found;
  for (const Window& window : windows) {
    if (!has_quota(window)) continue;
    const CpuSetting setting{*window.max, window.burst};
    if (found && *found != setting) return std::nullopt;
    found = setting;
  }
  return found;
}

}  // namespace

double clump_usec(std::span<const UsageSample> samples) { return clump_of(windows_of(samples)); }

std::vector<Demand> in_clumps(std::span<const UsageSample> samples) {
  const std::vector<Window> windows = windows_of(samples);
  double most = 1;
  for (const UsageSample& sample : samples) {
    if (sample.length.count() == 0) continue;
    most = std::max(most, number(sample.usage) / number(sample.length));
  }
  double length = 0;
  double lost = 0;
  double wanted = 0;  // by throttled periods
  double throttled = 0;
  for (const Window& window : windows) {
    length += window.usec;
    lost += window.lost;
    if (window.throttled == 0 || !has_quota(window)) continue;
    wanted += wanted_cpus(window) * window.throttled;
    throttled += window.throttled;
  }
  // On average: where a sample ends, periods and the time that they lost are counted apart.
  if (throttled > 0) most = std::max(most, wanted / throttled);
  const double cpus = whole_cpus(most);
  Placement placement(windows, clump_of(windows), cpus);
  const auto demand = [&](double strength) {
    return Sharing(cpus).run(placement.place(strength), length);
  };
  const auto setting = only_setting(windows);
  if (lost <= 0 || !setting) return demand(kUsualStrength);
  double weakest = 0;
  double strongest = kMostStrength;
  for (int step = 0; step < kSearchSteps; ++step) {
    const double middle = (weakest + strongest) / 2;
    if (replay(demand(middle), *setting).throttled_usec < lost) {
      weakest = middle;
    } else {
      strongest = middle;
    }
  }
  return demand((weakest + strongest) / 2);
}

}  // namespace cgwarden::policy::simulation
