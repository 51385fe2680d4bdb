#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"

namespace cgwarden::policy {

// The memory limits of one cgroup as they would stand together.
struct MemoryLimits {
  std::optional<LimitOf<Bytes>> min;
  std::optional<LimitOf<Bytes>> low;
  std::optional<LimitOf<Bytes>> high;
  std::optional<LimitOf<Bytes>> max;
  std::optional<LimitOf<Bytes>> swap_max;
};

// A combination that the kernel accepts and that does not do what it says.
struct LimitConflict {
  std::string_view file;   // of the limit to change
  std::string_view other;  // of the limit it conflicts with
  std::string sentence;
  std::string_view rule;  // of lint_rules.h
};

// high >= max, a protection above a limit, high without swap (cgroup-v2.rst "Memory Interface
// Files").
[[nodiscard]] std::vector<LimitConflict> find_limit_conflicts(const MemoryLimits& limits);

}  // namespace cgwarden::policy
