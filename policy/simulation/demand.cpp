#include "policy/simulation/demand.h"

#include <algorithm>

#include "policy/simulation/clumps.h"

namespace cgwarden::policy::simulation {
namespace {

double count(Usec time) { return static_cast<double>(time.count()); }

void append(std::vector<Demand>& out, double usec, double work) {
  if (usec <= 0) return;
  const double cpus = work / usec;
  if (!out.empty() && out.back().cpus == cpus) {
    out.back().usec += usec;
  } else {
    out.push_back({usec, cpus});
  }
}

// `work` arrives on `cpus` CPUs at the start of the `usec`, the rest of the usage evenly after it.
void append_burst(std::vector<Demand>& out, double usec, double work, double cpus, double rest) {
  const double burst = std::min(usec, cpus > 0 ? work / cpus : 0.0);
  append(out, burst, work);
  append(out, usec - burst, rest);
}

struct Quota {
  double quota;
  double period;
};

std::optional<Quota> quota_of(const UsageSample& sample) {
  if (!sample.max || is_max(sample.max->quota)) return std::nullopt;
  return Quota{count(std::get<Usec>(sample.max->quota)), count(sample.max->period)};
}

// Its throttled periods as one burst; false: there were none, or the counters are not there.
bool append_throttled(std::vector<Demand>& out, const UsageSample& sample) {
  const auto quota = quota_of(sample);
  const auto throttled = static_cast<double>(sample.nr_throttled.value_or(0));
  if (!quota || throttled == 0 || !sample.nr_periods) return false;
  const double usage = count(sample.usage);
  const double length = count(sample.length);
  const auto periods = static_cast<double>(*sample.nr_periods);
  const double wanted =
      (quota->quota + count(sample.throttled.value_or(Usec{0})) / throttled) / quota->period;
  // The burst ends in a period with room left, which is one of the other ones on average.
  const double in_throttled = std::min(usage, throttled * quota->quota);
  const double others = std::max(1.0, periods - throttled);
  const double tail = std::min(quota->quota, (usage - in_throttled) / others);
  const double burst = std::min(usage, in_throttled + tail);
  // No faster than it arrived, no slower than its sample is long.
  const double cpus = std::max(wanted, usage / length);
  append_burst(out, length, burst, cpus, usage - burst);
  return true;
}

}  // namespace

std::vector<Demand> demanded(std::span<const UsageSample> samples, Spread spread) {
  if (spread == Spread::likely) return in_clumps(samples);
  std::vector<Demand> out;
  for (const UsageSample& sample : samples) {
    if (append_throttled(out, sample)) continue;
    const double usage = count(sample.usage);
    const double length = count(sample.length);
    const auto quota = quota_of(sample);
    if (spread == Spread::even || !quota) {
      append(out, length, usage);
      continue;
    }
    append_burst(out, length, usage, std::max(quota->quota / quota->period, usage / length), 0);
  }
  return out;
}

}  // namespace cgwarden::policy::simulation
