#include "agent/write_budget.h"

#include <algorithm>

namespace cgwarden::agent {

double WriteBudget::left(const Bucket& bucket, double per_minute, Usec now) {
  constexpr double kMinute = 60'000'000;
  const auto passed = static_cast<double>((now - std::min(now, bucket.at)).count());
  return std::min(per_minute, bucket.left + passed / kMinute * per_minute);
}

bool WriteBudget::take(CgroupId id, Usec now) {
  if (!begun_) all_ = {static_cast<double>(node_), now};
  begun_ = true;
  Bucket& own = cgroups_.try_emplace(id, Bucket{static_cast<double>(cgroup_), now}).first->second;
  own = {left(own, static_cast<double>(cgroup_), now), now};
  all_ = {left(all_, static_cast<double>(node_), now), now};
  if (own.left < 1 || all_.left < 1) return false;
  own.left -= 1;
  all_.left -= 1;
  return true;
}

void WriteBudget::forget_rested(Usec now) {
  const auto whole = static_cast<double>(cgroup_);
  std::erase_if(cgroups_,
                [&](const auto& entry) { return left(entry.second, whole, now) >= whole; });
}

}  // namespace cgwarden::agent
