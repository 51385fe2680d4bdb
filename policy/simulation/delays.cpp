#include "policy/simulation/delays.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace cgwarden::policy::simulation {
namespace {

constexpr double kLeast = 10;  // microseconds: a context switch
constexpr double kStep = 1.02;
// 10 us * 1.02^2000 is 5,000 years.
constexpr std::size_t kBuckets = 2000;

}  // namespace

void Delays::add(double delay, double work) {
  if (work <= 0) return;
  work_ += work;
  if (delay < kLeast) {
    undelayed_ += work;
    return;
  }
  most_ = std::max(most_, delay);
  const auto bucket =
      std::min(kBuckets - 1, static_cast<std::size_t>(std::log(delay / kLeast) / std::log(kStep)));
  if (buckets_.size() <= bucket) buckets_.resize(bucket + 1, 0);
  buckets_[bucket] += work;
}

double Delays::quantile(double q) const {
  double left = q * work_ - undelayed_;
  // What rounding leaves of nothing is nothing.
  if (left <= work_ * 1e-12) return 0;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    left -= buckets_[i];
    if (left <= work_ * 1e-12) {
      return std::min(most_, kLeast * std::pow(kStep, static_cast<double>(i + 1)));
    }
  }
  return most_;
}

}  // namespace cgwarden::policy::simulation
