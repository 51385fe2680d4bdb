#include "policy/adapt/memory_high.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "policy/values.h"

namespace cgwarden::policy::adapt {
namespace {

// Senpai's: how many times over (or under) the pressure target makes the largest step.
constexpr double kBackoffAt = 20;
constexpr double kProbeAt = 10;

double count_of(Usec time) { return static_cast<double>(time.count()); }

}  // namespace

std::string_view to_string(MemoryHighReason reason) {
  static constexpr std::array<std::string_view, 6> kNames{"started",    "waiting",  "probed",
                                                          "backed_off", "at_bound", "foreign"};
  return kNames.at(static_cast<std::size_t>(reason));
}

void MemoryHighSizer::write(MemoryHighDecision& decision, double bytes, MemoryHighReason reason) {
  const double least =
      std::max(static_cast<double>(targets_.floor.value),
               targets_.room * static_cast<double>(decision.inputs.unreclaimable.value));
  const double most = std::max(least, static_cast<double>(targets_.ceiling.value));
  const double bounded = std::clamp(bytes, least, most);
  const Bytes wanted{static_cast<std::uint64_t>(std::ceil(bounded / kPageBytes)) * kPageBytes};
  grace_ = targets_.window;
  stalled_ = Usec{0};
  decision.reason = reason;
  if (high_ == wanted) {
    decision.reason = MemoryHighReason::at_bound;
    return;
  }
  high_ = wanted;
  decision.write = wanted;
}

void MemoryHighSizer::begin(MemoryHighDecision& decision, MemoryHighReason reason) {
  high_.reset();
  write(decision, static_cast<double>(decision.inputs.current.value), reason);
}

MemoryHighDecision MemoryHighSizer::tick(const MemoryHighInputs& inputs) {
  MemoryHighDecision decision;
  decision.inputs = inputs;
  if (id_ != inputs.id) {
    id_ = inputs.id;
    begin(decision, MemoryHighReason::started);
    return decision;
  }
  const auto* now = std::get_if<Bytes>(&inputs.high);
  if (!high_ || now == nullptr || *now != *high_) {
    begin(decision, MemoryHighReason::foreign);
    return decision;
  }
  stalled_ += inputs.some;
  decision.stalled = stalled_;
  const double target = count_of(targets_.pressure);
  const double high = static_cast<double>(high_->value);
  if (stalled_ > targets_.pressure) {
    const double over = count_of(stalled_) / target / kBackoffAt;
    write(decision, high * (1 + std::min(over * over, 1.0) * targets_.most_backoff),
          MemoryHighReason::backed_off);
    return decision;
  }
  grace_ = inputs.length < grace_ ? grace_ - inputs.length : Usec{0};
  if (grace_.count() > 0) return decision;
  const double under = target / std::max(count_of(stalled_), 1.0) / kProbeAt;
  write(decision, high * (1 - std::min(under * under, 1.0) * targets_.most_probe),
        MemoryHighReason::probed);
  return decision;
}

}  // namespace cgwarden::policy::adapt
