#include "policy/simulation/recommend.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

namespace cgwarden::policy::simulation {
namespace {

// The kernel takes no quota below 1 ms (min_cfs_quota_period); finer steps would be noise.
constexpr std::uint64_t kQuotaStepUsec = 1000;

CpuSetting setting_of(std::uint64_t steps, std::uint64_t percent, Usec period) {
  const std::uint64_t quota = steps * kQuotaStepUsec;
  return {{Usec{quota}, period}, Usec{quota * percent / 100}};
}

}  // namespace

bool keeps(const CpuOutcome& outcome, const CpuTarget& target) {
  // Less than a millisecond waits at the end of any recording that ends while something runs.
  return outcome.left_usec <= 1000 &&
         (!target.throttled_share || outcome.throttled_share() <= *target.throttled_share) &&
         (!target.lost_cpus || outcome.lost_cpus() <= *target.lost_cpus) &&
         (!target.delay_p99 ||
          outcome.delay_p99_usec <= static_cast<double>(target.delay_p99->count()));
}

std::vector<Candidate> recommend(std::span<const Demand> demand, const CpuTarget& target,
                                 Usec period) {
  double cpus = 0;
  for (const Demand& piece : demand) cpus = std::max(cpus, piece.cpus);
  const double all = std::ceil(cpus * static_cast<double>(period.count()) / kQuotaStepUsec);
  const std::uint64_t enough = static_cast<std::uint64_t>(all) + 1;
  std::vector<Candidate> found;
  for (const std::uint64_t percent : std::array<std::uint64_t, 3>{0, 50, 100}) {
    // More quota never throttles more (replay), so halving finds the smallest.
    std::uint64_t low = 1;
    std::uint64_t high = enough;
    while (low < high) {
      const std::uint64_t middle = low + (high - low) / 2;
      if (keeps(replay(demand, setting_of(middle, percent, period)), target)) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    const CpuSetting setting = setting_of(low, percent, period);
    found.push_back({setting, replay(demand, setting)});
  }
  std::ranges::stable_sort(found, {}, [](const Candidate& c) { return cores(c.setting); });
  return found;
}

}  // namespace cgwarden::policy::simulation
