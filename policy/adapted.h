#pragma once

#include <map>
#include <optional>
#include <string_view>

#include "base/units.h"
#include "cgroup/samples.h"

namespace cgwarden::policy {

struct Policy;

// What the loops of a policy want one cgroup to have now. Absent: nothing.
struct AdaptedValue {
  std::optional<cgroup::CpuMax> cpu_max;
  std::optional<Usec> cpu_max_burst;
  std::optional<LimitOf<Bytes>> memory_high;
  bool operator==(const AdaptedValue&) const = default;
};
using AdaptedValues = std::map<CgroupId, AdaptedValue>;

// nullptr: nothing of this cgroup. `values` may be nullptr.
[[nodiscard]] const AdaptedValue* adapted_value(const AdaptedValues* values, CgroupId id);

// Has the policy a loop (`adapt`) that finds a value of this control file?
[[nodiscard]] bool has_loop(const Policy& policy, std::string_view file);

// The policy as it is for this cgroup: these values take the place of its own.
[[nodiscard]] Policy with_adapted(const Policy& policy, const AdaptedValue& value);

}  // namespace cgwarden::policy
