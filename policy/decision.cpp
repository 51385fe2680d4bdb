#include "policy/decision.h"

#include <algorithm>

#include "policy/adapted.h"

namespace cgwarden::policy {

const SourcePosition& Decision::position() const {
  const auto& positions = winner->resources.positions;
  const auto at = positions.find(std::string(knob->file));
  return at == positions.end() ? winner->position : at->second;
}

void sort_by_precedence(std::vector<const Policy*>& policies) {
  std::ranges::stable_sort(policies, [](const Policy* a, const Policy* b) {
    return a->priority != b->priority ? a->priority > b->priority : a->name > b->name;
  });
}

Decisions decide(const std::vector<const Policy*>& matching) {
  Decisions decisions;
  for (const Knob& knob : knobs()) {
    Decision decision;
    for (const Policy* policy : matching) {
      auto wanted = knob.wanted(policy->resources);
      const bool loop = policy->loops_elsewhere && has_loop(*policy, knob.file);
      if (loop || (!wanted && policy->resources.percentages.contains(knob.file))) wanted.emplace();
      if (!wanted) continue;
      if (decision.winner == nullptr) {
        decision = {&knob, *std::move(wanted), policy, {}, loop};
      } else if (wanted->text != decision.value.text) {
        decision.losers.push_back(policy->name);
      }
    }
    if (decision.winner != nullptr) decisions.emplace(knob.file, std::move(decision));
  }
  return decisions;
}

}  // namespace cgwarden::policy
