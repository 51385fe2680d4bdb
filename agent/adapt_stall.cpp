#include "agent/adapt_stall.h"

#include "agent/adapt_pace.h"

namespace cgwarden::agent {

std::optional<AdaptDecision> AdaptStall::tick(const AdaptLook& look) {
  using policy::adapt::StallAction;
  const cgroup::Sample& sample = look.sample;
  const AdaptCounters counters = counters_of(look);
  if (!sample.memory_current || !sample.memory_high) return std::nullopt;
  if (!before_ || counters.at - before_->at > adapt_pace::kLongest) {
    before_ = counters;
    return std::nullopt;
  }
  if (counters.at - before_->at < adapt_pace::kStallLook) return std::nullopt;
  policy::adapt::StallInputs inputs;
  inputs.id = sample.id;
  inputs.now = counters.at;
  inputs.length = counters.at - before_->at;
  inputs.current = *sample.memory_current;
  inputs.high = *sample.memory_high;
  if (sample.memory_max) inputs.max = *sample.memory_max;
  inputs.high_events = growth(before_->high_events, counters.high_events).value_or(0);
  inputs.pgscan = growth(before_->pgscan, counters.pgscan);
  inputs.full = Usec{growth(before_->memory_full_usec, counters.memory_full_usec).value_or(0)};
  before_ = counters;
  const auto made = guard_.tick(inputs);
  if (made.action == StallAction::none) return std::nullopt;
  if (made.action == StallAction::raise) raised_ = made.new_high;
  return describe(made);
}

}  // namespace cgwarden::agent
