#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"

namespace cgwarden::policy::adapt {

// The xattrs user.oomd_avoid, _prefer and _omit (systemd.resource-control(5),
// ManagedOOMPreference).
enum class KillPreference : std::uint8_t { none, prefer, avoid, omit };

// What could be killed: a cgroup below a watched one.
struct KillCandidate {
  CgroupId id;
  std::string path;
  bool populated = false;
  bool guarded = false;  // ourselves, or on the list of what is never killed
  KillPreference preference = KillPreference::none;
  Bytes current;          // memory.current
  Bytes average;          // of it, decaying; 0: not known
  Bytes protection;       // memory.min and memory.low that are effective
  Bytes anon;             // memory.stat
  Bytes swap;             // memory.swap.current
  double full_avg10 = 0;  // memory.pressure, percent
  double full_avg60 = 0;
};

enum class KillBy : std::uint8_t { size_or_growth, pressure, swap };

// Why a candidate comes where it does; the larger goes first, member by member.
struct KillRank {
  int preference = 0;  // 1 prefer, 0, -1 avoid
  double first = 0;
  double second = 0;
  double third = 0;
  auto operator<=>(const KillRank&) const = default;
};

enum class KillRefusal : std::uint8_t { empty, guarded, omitted, nothing_to_free };
[[nodiscard]] std::string_view to_string(KillRefusal refusal);
// nullopt: it may be killed.
[[nodiscard]] std::optional<KillRefusal> refusal(const KillCandidate& candidate, KillBy by);

struct RankedCandidate {
  KillCandidate candidate;
  KillRank rank;
  std::optional<KillRefusal> refused;
};
// The victim first; refused ones last. Of equal rank the one with more memory, then the lower id.
// As oomd has it: by_size_or_growth puts a candidate that has half of all first, then one that
// grows fast among the largest fifth, then size; memory that is protected does not count.
[[nodiscard]] std::vector<RankedCandidate> rank(std::span<const KillCandidate> candidates,
                                                KillBy by);

}  // namespace cgwarden::policy::adapt
