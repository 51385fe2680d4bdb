#include "policy/simulation/bandwidth_pool.h"

#include <algorithm>

namespace cgwarden::policy::simulation {

BandwidthPool::BandwidthPool(const CpuSetting& setting) { write(setting); }

void BandwidthPool::refill(double kept) {
  const double held = std::min(runtime_, kept);
  runtime_ = std::min(runtime_ - held + quota_, quota_ + burst_) + held;
}

double BandwidthPool::take(double wanted) {
  const double taken = std::clamp(wanted, 0.0, runtime_);
  runtime_ -= taken;
  return taken;
}

void BandwidthPool::write(const CpuSetting& setting) {
  quota_ = static_cast<double>(std::get<Usec>(setting.max.quota).count());
  burst_ = static_cast<double>(setting.burst.count());
  runtime_ = std::min(runtime_, burst_) + quota_;
}

}  // namespace cgwarden::policy::simulation
