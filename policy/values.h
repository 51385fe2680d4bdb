#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "base/units.h"
#include "cgroup/samples.h"

// The texts of single values, as the policy reference describes them. Pure.
namespace cgwarden::policy {

// Why a text is not a value, to be put behind "NAME cannot be TEXT: ".
struct ValueFault {
  std::string problem;
  std::string hint;
  std::string_view rule{};  // of lint_rules.h
};
template <typename T>
using Parsed = std::expected<T, ValueFault>;

// Whole decimal number from `low` to `high`; no sign, exponent, leading zero.
[[nodiscard]] Parsed<std::uint64_t> parse_count(std::string_view text, std::uint64_t low,
                                                std::uint64_t high);

// true or false, and nothing else.
[[nodiscard]] Parsed<bool> parse_truth(std::string_view text);

// "50ms", "1.5s", "2min", "1h", "0"; exact to the microsecond, at most 10 years.
[[nodiscard]] Parsed<Usec> parse_duration(std::string_view text);

// "1.5" cores (of the default period of 100 ms), "500m", "250ms/100ms", "max". Quota from 1 ms,
// period 1 ms to 1 s (sched-bwc.rst).
[[nodiscard]] Parsed<cgroup::CpuMax> parse_cpu_quota(std::string_view text);

// "512MiB", "1.5GiB", plain bytes, "max"; rounded down to whole pages of kPageBytes, as the kernel
// does. 1 to kPageBytes - 1 are refused: the kernel would store 0.
[[nodiscard]] Parsed<LimitOf<Bytes>> parse_memory_limit(std::string_view text);

// The same in whole huge pages of `page` bytes (hugetlb_cgroup_write()).
[[nodiscard]] Parsed<LimitOf<Bytes>> parse_huge_page_limit(std::string_view text,
                                                           std::uint64_t page);

// The same without max, exact to the byte.
[[nodiscard]] Parsed<Bytes> parse_size(std::string_view text);

// 1 to 4194304 (PID_MAX_LIMIT, include/linux/threads.h), "max".
[[nodiscard]] Parsed<LimitOf<std::uint64_t>> parse_pids_limit(std::string_view text);

// Of what a percentage is.
enum class PercentBase {
  node,    // the machine
  parent,  // the nearest ancestor with a limit
};
struct Percentage {
  std::uint64_t hundredths = 0;  // of a percent, 1 to 10000
  PercentBase base = PercentBase::node;
  bool operator==(const Percentage&) const = default;
};
// "80% of node", "12.5% of parent": above 0, at most 100, two decimals.
[[nodiscard]] Parsed<Percentage> parse_percentage(std::string_view text);

// CPUs or memory nodes: "0-3,7", made what the kernel prints: sorted, without overlaps. Ids up to
// 8191.
[[nodiscard]] Parsed<std::string> parse_id_list(std::string_view text);

// The page of every kernel the product supports (x86-64, arm64 of Debian).
inline constexpr std::uint64_t kPageBytes = 4096;
// kernel/sched/sched.h default_cfs_period().
inline constexpr Usec kDefaultCpuPeriod{100000};
// kernel/sched/core.c min_cfs_quota_period.
inline constexpr Usec kMinCpuQuota{1000};

}  // namespace cgwarden::policy
