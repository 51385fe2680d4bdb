#include "agent/adapt_stall.h"

#include "agent/adapt_pace.h"

namespace cgwarden::agent {

std::optional<AdaptDecision> AdaptStall::tick(const AdaptLook& look) {
  using policy::adapt::StallAction;
  const cgroup::Sample& sample = look.sample;
  const AdaptCounters counters = counters_of(look);
  if (!sample.memory_current || !sample.memory_high) return std::nullopt;
  if (!seen_.empty() && counters.at - seen_.back().at > adapt_pace::kLongest) seen_.clear();
  seen_.push_back(counters);
  // Every tick, over the last seconds: a stall waits for no end of such a time.
  while (seen_.size() > 1 && counters.at - seen_[1].at >= adapt_pace::kStallLook) seen_.pop_front();
  const AdaptCounters& before = seen_.front();
  if (counters.at - before.at < adapt_pace::kStallLook) return std::nullopt;
  policy::adapt::StallInputs inputs;
  inputs.id = sample.id;
  inputs.now = counters.at;
  inputs.length = counters.at - before.at;
  inputs.current = *sample.memory_current;
  inputs.high = *sample.memory_high;
  if (sample.memory_max) inputs.max = *sample.memory_max;
  inputs.high_events = growth(before.high_events, counters.high_events).value_or(0);
  inputs.pgscan = growth(before.pgscan, counters.pgscan);
  inputs.pgsteal = growth(before.pgsteal, counters.pgsteal);
  inputs.refaults = growth(before.refaults, counters.refaults);
  inputs.full = Usec{growth(before.memory_full_usec, counters.memory_full_usec).value_or(0)};
  const auto made = guard_.tick(inputs);
  if (made.action == StallAction::none) return std::nullopt;
  if (made.action == StallAction::raise) raised_ = made.new_high;
  return describe(made);
}

}  // namespace cgwarden::agent
