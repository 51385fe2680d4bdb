#include "cli/recorded_usage.h"

#include <algorithm>

#include "base/limits.h"
#include "cgroup/fields.h"

namespace cgwarden::cli {
namespace {

// Their places in RecordedUsage::fields().
struct UsageField {
  enum : std::size_t { usage, periods, throttled, lost, quota, period, burst };
};

std::optional<std::uint64_t> grown(const std::optional<std::uint64_t>& before,
                                   const std::optional<std::uint64_t>& after) {
  if (!before || !after || *after < *before) return std::nullopt;
  return *after - *before;
}

}  // namespace

const std::vector<std::string>& RecordedUsage::fields() {
  static const std::vector<std::string> kFields{"cpu.stat.usage_usec",   "cpu.stat.nr_periods",
                                                "cpu.stat.nr_throttled", "cpu.stat.throttled_usec",
                                                "cpu.max.quota_usec",    "cpu.max.period_usec",
                                                "cpu.max.burst"};
  return kFields;
}

bool RecordedUsage::add(const diagnosis::RecordedCgroup& cgroup, const diagnosis::Series& piece) {
  if (samples_.size() + piece.times.size() > limits::kSimulatedSamples) {
    full_ = true;
    return false;
  }
  std::string life = cgroup.boot + ":" + std::to_string(cgroup.id.value) + ":" + cgroup.path;
  if (life != life_) previous_.reset();
  life_ = std::move(life);
  std::vector<std::optional<std::size_t>> columns;
  for (const std::string& name : fields()) columns.push_back(piece.field(name));
  for (std::size_t i = 0; i < piece.times.size(); ++i) {
    Point point{piece.times[i], {}};
    for (const auto& column : columns) {
      point.values.push_back(column ? piece.value(*column, i) : std::nullopt);
    }
    const bool start = std::ranges::binary_search(piece.starts, i);
    if (previous_ && !start) add_pair(*previous_, point);
    previous_ = std::move(point);
  }
  return true;
}

void RecordedUsage::add_pair(const Point& before, const Point& after) {
  const auto used = grown(before.values[UsageField::usage], after.values[UsageField::usage]);
  if (after.time <= before.time || !used) return;
  policy::simulation::UsageSample sample;
  sample.length = after.time - before.time;
  sample.usage = Usec{*used};
  sample.nr_periods = grown(before.values[UsageField::periods], after.values[UsageField::periods]);
  sample.nr_throttled =
      grown(before.values[UsageField::throttled], after.values[UsageField::throttled]);
  if (const auto time = grown(before.values[UsageField::lost], after.values[UsageField::lost])) {
    sample.throttled = Usec{*time};
  }
  // The one in force while the counters grew.
  take_setting(before, sample);
  if (sample.nr_periods && sample.nr_throttled && sample.throttled) {
    if (!counted_) counted_ = Counted{};
    counted_->periods += *sample.nr_periods;
    counted_->throttled += *sample.nr_throttled;
    counted_->throttled_time += *sample.throttled;
  }
  length_ += sample.length;
  used_ += sample.usage;
  samples_.push_back(sample);
}

void RecordedUsage::take_setting(const Point& point, policy::simulation::UsageSample& sample) {
  const auto& quota_usec = point.values[UsageField::quota];
  const auto& period_usec = point.values[UsageField::period];
  if (!quota_usec || !period_usec || *period_usec == 0) return;
  cgroup::CpuMax max{Max{}, Usec{*period_usec}};
  if (*quota_usec != cgroup::kNoLimit) max.quota = Usec{*quota_usec};
  sample.max = max;
  sample.burst = Usec{point.values[UsageField::burst].value_or(0)};
  setting_ = {max, sample.burst};
}

}  // namespace cgwarden::cli
