#include "agent/adapt_memory.h"

#include <utility>

#include "agent/adapt_pace.h"
#include "policy/adapt/time_to_oom.h"

namespace cgwarden::agent {

std::optional<AdaptDecision> AdaptMemoryHigh::tick(const AdaptLook& look) {
  using policy::adapt::MemoryHighReason;
  const AdaptCounters counters = counters_of(look);
  const auto before = std::exchange(before_, counters);
  const auto& high = look.sample.memory_high;
  const auto fixed =
      look.memory_stat ? policy::adapt::unreclaimable(*look.memory_stat, look.swap) : std::nullopt;
  // Without them it could be held where nothing can be reclaimed.
  if (!high || !fixed || !look.sample.memory_current) return std::nullopt;
  if (how_.planned && wanted_) return std::nullopt;
  bool again = false;
  if (wanted_ && *high != LimitOf<Bytes>(*wanted_)) {
    if (!waits_since_) waits_since_ = counters.at;
    if (counters.at - *waits_since_ < adapt_pace::kGiveUp) return std::nullopt;
    sizer_ = policy::adapt::MemoryHighSizer(how_.targets);
    again = true;
  }
  waits_since_.reset();
  policy::adapt::MemoryHighInputs inputs;
  inputs.id = look.sample.id;
  inputs.now = counters.at;
  inputs.current = *look.sample.memory_current;
  inputs.high = *high;
  inputs.unreclaimable = *fixed;
  if (before) {
    inputs.length = counters.at - before->at;
    inputs.some = Usec{growth(before->memory_some_usec, counters.memory_some_usec).value_or(0)};
  }
  const auto made = sizer_.tick(inputs);
  if (!made.write) return std::nullopt;
  wanted_ = made.write;
  // What cannot be brought about is told once, by the enforcer.
  if (again || *high == LimitOf<Bytes>(*wanted_)) return std::nullopt;
  return describe(made);
}

}  // namespace cgwarden::agent
