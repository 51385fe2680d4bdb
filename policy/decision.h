#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "policy/knob.h"
#include "policy/policy.h"

namespace cgwarden::policy {

// What one knob of one cgroup should be, and who says so. Refers to the policies and knobs() it was
// made from.
struct Decision {
  const Knob* knob = nullptr;
  KnobValue value;
  const Policy* winner = nullptr;
  std::vector<std::string> losers;  // that wanted another value, highest priority first
  bool loop = false;                // of the winner finds it (Policy::loops_elsewhere)

  // Of the knob in the winner's file; of the policy when the knob has none.
  [[nodiscard]] const SourcePosition& position() const;
  // False for a percentage whose base is not known, and for what a loop finds: then nothing is
  // written.
  [[nodiscard]] bool known() const { return !value.text.empty(); }
};
// By control-file name.
using Decisions = std::map<std::string_view, Decision>;

// In the order in which policies win: priority, then the later name in byte order.
void sort_by_precedence(std::vector<const Policy*>& policies);

// `matching` apply to the cgroup, sorted by precedence; what percentages they have left have no
// known base here (percentage.h).
[[nodiscard]] Decisions decide(const std::vector<const Policy*>& matching);

}  // namespace cgwarden::policy
