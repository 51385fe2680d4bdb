#include "policy/adapt/stall_guard.h"

#include <algorithm>
#include <array>

#include "policy/values.h"

namespace cgwarden::policy::adapt {
namespace {

// memory.current crawls just below memory.high and above it.
constexpr double kAtHigh = 0.97;
// So near to memory.max a raise only makes it an OOM kill.
constexpr double kBelowMax = 0.98;

// Of what reclaim took, what must stay away so that it gains something; and of memory.high, below
// which it is noise.
constexpr std::uint64_t kLeastGain = 10;
constexpr std::uint64_t kLeastOfHigh = 1000;

double fraction(Usec part, Usec all) {
  return all.count() == 0 ? 0
                          : static_cast<double>(part.count()) / static_cast<double>(all.count());
}

Bytes scaled(Bytes bytes, double factor) {
  const auto value = static_cast<std::uint64_t>(static_cast<double>(bytes.value) * factor);
  return Bytes{value / kPageBytes * kPageBytes};
}

bool reclaim_gains(const StallInputs& inputs, Bytes high) {
  const std::uint64_t taken = inputs.pgsteal.value_or(inputs.pgscan.value_or(0));
  const std::uint64_t gained = taken - std::min(taken, inputs.refaults.value_or(0));
  return gained * kLeastGain > taken && gained * kPageBytes > high.value / kLeastOfHigh;
}

}  // namespace

std::string_view to_string(StallAction action) {
  static constexpr std::array<std::string_view, 5> kNames{"none", "notify", "raise", "kill",
                                                          "over"};
  return kNames.at(static_cast<std::size_t>(action));
}

void StallGuard::reset() {
  state_ = StallState::calm;
  since_.reset();
  absent_.reset();
  last_raise_.reset();
  kill_asked_ = false;
  raised_ = Bytes{0};
}

bool StallGuard::holds(const StallInputs& inputs, double full_share) const {
  const auto* high = std::get_if<Bytes>(&inputs.high);
  return high != nullptr && full_share >= limits_.full && inputs.high_events > 0 &&
         !reclaim_gains(inputs, *high) &&
         static_cast<double>(inputs.current.value) >= kAtHigh * static_cast<double>(high->value);
}

// nullopt: the budget is used up, or memory.max is next.
std::optional<Bytes> StallGuard::raised_high(const StallInputs& inputs) const {
  const Bytes high = std::get<Bytes>(inputs.high);
  Bytes most{first_high_.value + scaled(first_high_, limits_.raise_budget).value};
  if (const auto* max = std::get_if<Bytes>(&inputs.max)) {
    most.value = std::min(most.value, scaled(*max, kBelowMax).value);
  }
  const std::uint64_t step = std::max(kPageBytes, scaled(first_high_, limits_.raise_step).value);
  // Not one below what is in use: the write would wait for reclaim, which does not come.
  const std::uint64_t from = std::max(high.value, inputs.current.value);
  const Bytes wanted = scaled(Bytes{std::min(most.value, from + step)}, 1);
  if (wanted <= high || wanted < inputs.current) return std::nullopt;
  return wanted;
}

void StallGuard::stalled(StallDecision& decision) {
  const StallInputs& inputs = decision.inputs;
  const bool may_raise_now = !last_raise_ || inputs.now - *last_raise_ >= limits_.raise_every;
  if (limits_.may_raise && may_raise_now) {
    if (const auto high = raised_high(inputs)) {
      last_raise_ = inputs.now;
      raised_.value += high->value - std::get<Bytes>(inputs.high).value;
      decision.action = StallAction::raise;
      decision.new_high = *high;
      return;
    }
  }
  if (limits_.may_kill && !kill_asked_ && decision.stalled_for >= limits_.kill_after) {
    kill_asked_ = true;
    decision.action = StallAction::kill;
  }
}

StallDecision StallGuard::tick(const StallInputs& inputs) {
  if (id_ != inputs.id) reset();
  id_ = inputs.id;
  StallDecision decision;
  decision.inputs = inputs;
  decision.full_share = fraction(inputs.full, inputs.length);
  if (holds(inputs, decision.full_share)) {
    absent_.reset();
    if (!since_) {
      since_ = inputs.now;
      state_ = StallState::suspected;
      first_high_ = std::get<Bytes>(inputs.high);
    }
    decision.stalled_for = inputs.now - *since_;
    if (state_ == StallState::stalled) {
      stalled(decision);
    } else if (decision.stalled_for >= limits_.patience) {
      state_ = StallState::stalled;
      decision.action = StallAction::notify;
    }
  } else if (since_) {
    if (!absent_) absent_ = inputs.now;
    // What was only suspected is forgotten at once.
    const bool over = state_ == StallState::suspected || inputs.now - *absent_ >= limits_.calm;
    if (over && state_ == StallState::stalled) decision.action = StallAction::over;
    decision.stalled_for = inputs.now - *since_;
    decision.raised = raised_;
    if (over) reset();
  }
  decision.state = state_;
  if (state_ != StallState::calm) decision.raised = raised_;
  return decision;
}

}  // namespace cgwarden::policy::adapt
