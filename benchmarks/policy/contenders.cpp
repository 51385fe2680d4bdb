#include "benchmarks/policy/contenders.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <numeric>
#include <utility>

#include "policy/adapt/cpu_controller.h"

namespace cgwarden::benchmark {
namespace {

using policy::adapt::CpuInputs;
using policy::simulation::CpuSetting;

constexpr double kPeriodUsec = 100000;
constexpr std::uint64_t kTicksPerSecond = 10;

CpuSetting setting_of(double cores, bool burst) {
  const Usec quota{static_cast<std::uint64_t>(std::max(1000.0, std::round(cores * kPeriodUsec)))};
  return {{quota, Usec{100000}}, burst ? quota : Usec{0}};
}

double cores_used(const CpuInputs& inputs) {
  return static_cast<double>(inputs.usage.count()) / static_cast<double>(inputs.length.count());
}

// The last so many values.
class Recent {
 public:
  explicit Recent(std::size_t size) : size_(size) {}
  void add(double value) {
    values_.push_back(value);
    if (values_.size() > size_) values_.pop_front();
  }
  void clear() { values_.clear(); }
  // Of `size` values: those that are not there yet are 0.
  [[nodiscard]] double mean() const {
    return std::accumulate(values_.begin(), values_.end(), 0.0) / static_cast<double>(size_);
  }
  [[nodiscard]] double most() const {
    return values_.empty() ? 0 : *std::ranges::max_element(values_);
  }
  [[nodiscard]] double deviation() const {
    if (values_.empty()) return 0;
    const auto n = static_cast<double>(values_.size());
    const double average = std::accumulate(values_.begin(), values_.end(), 0.0) / n;
    double sum = 0;
    for (const double value : values_) sum += (value - average) * (value - average);
    return std::sqrt(sum / n);
  }

 private:
  std::size_t size_;
  std::deque<double> values_;
};

class Fixed final : public Contender {
 public:
  Fixed(double cores, bool burst) : setting_(setting_of(cores, burst)) {}
  CpuSetting begin() override { return setting_; }
  std::optional<CpuSetting> tick(const CpuInputs& /*inputs*/) override { return std::nullopt; }

 private:
  CpuSetting setting_;
};

// cpu_burst.go: once a second; a container that was throttled gets a fifth more up to three times
// its limit, unless the node is busy (over 50 %), which takes a fifth; 45 to 50 % is cooling.
class Koordlet final : public Contender {
 public:
  Koordlet(double base, double node_cpus) : base_(base), node_cpus_(node_cpus), limit_(base) {}
  CpuSetting begin() override { return setting_of(base_, false); }
  std::optional<CpuSetting> tick(const CpuInputs& inputs) override {
    throttled_ = throttled_ || inputs.throttled > 0;
    busy_.add(cores_used(inputs) / node_cpus_);
    if (++ticks_ % 10 != 0) return std::nullopt;
    const double node = busy_.mean();
    double wanted = limit_;
    if (node >= 0.5) {
      wanted *= 0.8;
    } else if (node < 0.45 && throttled_) {
      wanted *= 1.2;
    }
    throttled_ = false;
    wanted = std::clamp(wanted, base_, 3 * base_);
    if (wanted == limit_) return std::nullopt;
    limit_ = wanted;
    return setting_of(limit_, false);
  }

 private:
  double base_;
  double node_cpus_;
  double limit_;
  bool throttled_ = false;
  Recent busy_{50};
  std::uint64_t ticks_ = 0;
};

// Every second: the most used in a second of the last twenty, over the target utilisation.
class FastRecommender final : public Contender {
 public:
  FastRecommender(double target, double node_cpus) : target_(target), node_cpus_(node_cpus) {}
  CpuSetting begin() override { return setting_of(node_cpus_, false); }
  std::optional<CpuSetting> tick(const CpuInputs& inputs) override {
    second_.add(cores_used(inputs));
    if (++ticks_ % 10 != 0) return std::nullopt;
    seconds_.add(second_.mean());
    return setting_of(std::max(0.01, seconds_.most() / target_), false);
  }

 private:
  double target_;
  double node_cpus_;
  Recent second_{10};
  Recent seconds_{20};
  std::uint64_t ticks_ = 0;
};

// CaptainScaler of Autothrottle's worker daemon: ten looks a second, a decision every second.
class Captain final : public Contender {
 public:
  Captain(double target, bool burst, double node_cpus)
      : target_(target), burst_(burst), limit_(node_cpus), last_limit_(node_cpus) {}
  CpuSetting begin() override { return setting_of(limit_, burst_); }
  std::optional<CpuSetting> tick(const CpuInputs& inputs) override {
    const double before = limit_;
    throttled_.add(static_cast<double>(inputs.throttled));
    usage_.add(cores_used(inputs));
    if (throttled_.mean() > 3 * target_ && lowered_) roll_back();
    if (++ticks_ % 10 == 0) decide();
    if (limit_ == before) return std::nullopt;
    return setting_of(limit_, burst_);
  }

 private:
  void roll_back() {
    limit_ = 2 * last_limit_ - limit_;
    margin_ += throttled_.mean() - target_;
    throttled_.clear();
    lowered_ = false;
  }
  void decide() {
    last_limit_ = limit_;
    const double ratio = throttled_.mean();
    margin_ = std::max(0.0, margin_ + ratio - target_);
    lowered_ = false;
    if (ratio > 3 * target_) {
      limit_ *= 1 + (ratio - 3 * target_);
    } else {
      const double wanted = usage_.most() + usage_.deviation() * margin_;
      if (wanted <= 0.9 * limit_) {
        limit_ = std::max(0.5 * limit_, wanted);
        lowered_ = true;
      }
    }
    throttled_.clear();
    limit_ = std::max(0.01, limit_);
  }

  double target_;
  bool burst_;
  double limit_;
  double last_limit_;
  double margin_ = 3;
  bool lowered_ = false;
  Recent throttled_{10};
  Recent usage_{50};
  std::uint64_t ticks_ = 0;
};

class Ours final : public Contender {
 public:
  Ours(double parameter, double node_cpus, std::uint64_t ticks)
      : ticks_per_look_(ticks),
        controller_(targets(parameter, node_cpus), setting_of(node_cpus, true)) {}
  CpuSetting begin() override { return controller_.setting(); }
  std::optional<CpuSetting> tick(const CpuInputs& inputs) override {
    look_.now = inputs.now;
    look_.usage += inputs.usage;
    look_.periods += inputs.periods;
    look_.throttled += inputs.throttled;
    look_.throttled_time += inputs.throttled_time;
    const auto length = static_cast<double>(look_.length.count());
    const auto more = static_cast<double>(inputs.length.count());
    if (inputs.pressure && length + more > 0) {
      look_.pressure =
          (look_.pressure.value_or(0) * length + *inputs.pressure * more) / (length + more);
    }
    look_.length += inputs.length;
    if (++ticks_ % ticks_per_look_ != 0) return std::nullopt;
    return controller_.tick(std::exchange(look_, {})).write;
  }

 private:
  static policy::adapt::CpuTargets targets(double parameter, double node_cpus) {
    policy::adapt::CpuTargets out;
    const double hold = std::floor(parameter);
    out.hold = Usec{static_cast<std::uint64_t>(hold * 1e6)};
    out.throttled_ratio = std::max(0.001, parameter - hold);
    out.ceiling_cores = node_cpus;
    return out;
  }
  std::uint64_t ticks_per_look_;
  std::uint64_t ticks_ = 0;
  CpuInputs look_;
  policy::adapt::CpuController controller_;
};

std::vector<double> quotas(double node_cpus) {
  std::vector<double> out;
  for (double cores = node_cpus * 0.1; cores < node_cpus; cores *= 1.06) out.push_back(cores);
  return out;
}

}  // namespace

std::vector<Family> families(double node_cpus) {
  const std::vector<double> ratios{0, .02, .04, .06, .1, .15, .2, .25, .3};
  std::vector<double> holds_and_ratios;
  for (const double hold : {60, 120, 180, 300}) {
    for (const double ratio : ratios) holds_and_ratios.push_back(hold + ratio);
  }
  const auto captain = [node_cpus](bool burst) {
    return [=](double p) { return std::make_unique<Captain>(p, burst, node_cpus); };
  };
  const auto ours = [node_cpus](std::uint64_t ticks) {
    return [=](double p) { return std::make_unique<Ours>(p, node_cpus, ticks); };
  };
  return {{"static", quotas(node_cpus), [](double p) { return std::make_unique<Fixed>(p, false); }},
          {"static, burst", quotas(node_cpus),
           [](double p) { return std::make_unique<Fixed>(p, true); }},
          {"koordlet", quotas(node_cpus),
           [=](double p) { return std::make_unique<Koordlet>(p, node_cpus); }},
          {"k8s-cpu-fast",
           {.2, .25, .3, .35, .4, .45, .5, .6, .7, .8, .9},
           [=](double p) { return std::make_unique<FastRecommender>(p, node_cpus); }},
          {"captain", ratios, captain(false)},
          {"captain, burst", ratios, captain(true)},
          {"cgwarden", holds_and_ratios, ours(1)},
          {"cgwarden, 1 s", holds_and_ratios, ours(kTicksPerSecond)}};
}

}  // namespace cgwarden::benchmark
