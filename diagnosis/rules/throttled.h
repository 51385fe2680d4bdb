#pragma once

#include <cstdint>

// When throttling is a stall. The share alone is noise (kubernetes-mixin's CPUThrottlingHigh), so
// the lost time counts as well.
namespace cgwarden::diagnosis::rules {

// One second of the default period: fewer periods say nothing.
inline constexpr std::uint64_t kMinPeriods = 10;
// The field's own threshold for the share of throttled periods.
inline constexpr std::uint64_t kMinSharePercent = 25;
// Time in which its threads could have run and did not, of the time that passed: below this nobody
// notices.
inline constexpr std::uint64_t kMinLostPercent = 5;

}  // namespace cgwarden::diagnosis::rules
