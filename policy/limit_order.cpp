#include "policy/limit_order.h"

#include <fmt/format.h>

#include <limits>

namespace cgwarden::policy {
namespace {

std::uint64_t amount(const LimitOf<Bytes>& limit) {
  return is_max(limit) ? std::numeric_limits<std::uint64_t>::max() : std::get<Bytes>(limit).value;
}

bool finite(const std::optional<LimitOf<Bytes>>& limit) { return limit && !is_max(*limit); }

}  // namespace

std::vector<LimitConflict> find_limit_conflicts(const MemoryLimits& limits) {
  std::vector<LimitConflict> found;
  if (finite(limits.high) && finite(limits.max) && amount(*limits.high) >= amount(*limits.max)) {
    found.push_back({"memory.high", "memory.max",
                     "memory.high is not below memory.max: the kernel kills at memory.max before "
                     "it ever throttles at memory.high",
                     "L14"});
  }
  const auto check_protection = [&](std::string_view file,
                                    const std::optional<LimitOf<Bytes>>& protection) {
    if (!protection) return;
    const auto check_limit = [&](std::string_view other,
                                 const std::optional<LimitOf<Bytes>>& limit) {
      if (!finite(limit) || amount(*protection) <= amount(*limit)) return;
      found.push_back({file, other,
                       fmt::format("{} is above {}: the cgroup is reclaimed at {} before the "
                                   "protection is used up",
                                   file, other, other),
                       "L17"});
    };
    check_limit("memory.high", limits.high);
    check_limit("memory.max", limits.max);
  };
  check_protection("memory.min", limits.min);
  check_protection("memory.low", limits.low);
  if (finite(limits.high) && finite(limits.swap_max) && amount(*limits.swap_max) == 0) {
    found.push_back({"memory.high", "memory.swap.max",
                     "memory.high without swap (memory.swap.max is 0): above it, a process whose "
                     "memory cannot be reclaimed stalls for minutes and is never killed",
                     "L15"});
  }
  return found;
}

}  // namespace cgwarden::policy
