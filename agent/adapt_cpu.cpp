#include "agent/adapt_cpu.h"

#include <cmath>
#include <utility>

#include "agent/adapt_pace.h"

namespace cgwarden::agent {
namespace {

using policy::adapt::CpuInputs;
using policy::adapt::CpuReason;
using policy::simulation::CpuSetting;

// A quota that systemd has rounded up to whole percents of a CPU.
constexpr double kPercent = 0.01;
constexpr std::string_view kStarted = "started";

CpuSetting quota_of(const cgroup::Sample& sample) {
  CpuSetting setting;
  // The controller is off: systemd turns it on with the first property.
  if (sample.cpu_max) setting.max = *sample.cpu_max;
  setting.burst = sample.cpu_max_burst.value_or(Usec{0});
  return setting;
}

// Reasons that are told although nothing changes: what was wanted is refused.
bool is_refusal(CpuReason reason) {
  return reason == CpuReason::node_busy || reason == CpuReason::at_ceiling;
}

}  // namespace

void AdaptCpu::want(policy::AdaptedValue& value) const {
  if (!wanted_) return;
  value.cpu_max = wanted_->max;
  if (has_burst_) value.cpu_max_burst = wanted_->burst;
}

bool AdaptCpu::in_force(const AdaptLook& look, const Setting& now) const {
  if (!look.sample.cpu_max) return false;
  if (has_burst_ && now.burst != wanted_->burst) return false;
  if (now.max == wanted_->max) return true;
  if (!how_.unit || is_max(now.max.quota)) return false;
  const double more = policy::simulation::cores(now) - policy::simulation::cores(*wanted_);
  return more > -kPercent / 10 && more < kPercent * 1.1;
}

AdaptCpu::Setting AdaptCpu::shown(Setting setting) const {
  if (!has_burst_) setting.burst = Usec{0};
  return setting;
}

bool AdaptCpu::is_news(const AdaptDecision& decision, double cores) {
  const bool same = decision.reason == told_ && std::abs(cores - told_cores_) <= told_cores_ / 10;
  // What cannot be brought about is begun with again and again.
  if ((how_.planned || decision.reason == kStarted) && same) return false;
  if (decision.change.empty() && decision.reason == told_) return false;
  told_ = decision.reason;
  told_cores_ = cores;
  return true;
}

std::optional<AdaptDecision> AdaptCpu::start(const AdaptLook& look, const Setting& now) {
  controller_.emplace(how_.targets, now);
  has_burst_ = !how_.unit && look.sample.cpu_max_burst.has_value();
  wanted_ = controller_->setting();
  waits_ = false;
  waits_since_.reset();
  // One that is as it should be is gone on with, as after a restart of the agent.
  if (in_force(look, now)) return std::nullopt;
  controller_.emplace(how_.targets, now, look.now.boottime);
  AdaptDecision decision = describe_start(shown(now), shown(*wanted_));
  if (!is_news(decision, policy::simulation::cores(*wanted_))) return std::nullopt;
  return decision;
}

// Between two ticks it only waits: whoever brings it about, or tells that it cannot be, does so at
// a tick.
std::optional<AdaptDecision> AdaptCpu::wait(const AdaptLook& look, const Setting& now) {
  if (is_newer(look)) before_ = counters_of(look);
  waits_ = true;
  if (look.between) return std::nullopt;
  if (!waits_since_) waits_since_ = look.now.boottime;
  if (look.now.boottime < *waits_since_ + adapt_pace::kGiveUp) return std::nullopt;
  return start(look, now);
}

// A snapshot, or a file in it, may be of before the last look.
bool AdaptCpu::is_newer(const AdaptLook& look) const {
  const AdaptCounters counters = counters_of(look);
  return !before_ || (counters.at > before_->at && counters.usage_usec >= before_->usage_usec);
}

std::optional<CpuInputs> AdaptCpu::observe(const AdaptLook& look) {
  if (!is_newer(look)) return std::nullopt;
  AdaptCounters counters = counters_of(look);
  // A look without the end of a period says nothing of throttling.
  const Usec least = how_.targets.period > adapt_pace::kCpuLook
                         ? how_.targets.period - adapt_pace::kCpuLookJitter
                         : adapt_pace::kLeastCpuLook;
  if (before_ && counters.at < before_->at + least) return std::nullopt;
  if (before_ && !counters.cpu_some_usec) {
    counters.cpu_some_usec = before_->cpu_some_usec;
    counters.cpu_some_at = before_->cpu_some_at;
  }
  const auto before = std::exchange(before_, counters);
  const auto inputs = before ? cpu_inputs(*before, counters, look.node_busy) : std::nullopt;
  if (!inputs || inputs->length > adapt_pace::kLongest) return std::nullopt;
  return inputs;
}

std::optional<AdaptDecision> AdaptCpu::tick(const AdaptLook& look) {
  const Setting now = quota_of(look.sample);
  if (!controller_) {
    planned_at_ = look.now.boottime;
    before_ = counters_of(look);
    return start(look, now);
  }
  if (how_.planned) {
    if (look.now.boottime < planned_at_ + adapt_pace::kPlanned) {
      before_ = counters_of(look);
      return std::nullopt;
    }
  } else if (!in_force(look, now)) {
    return wait(look, now);
  }
  waits_ = false;
  waits_since_.reset();
  const auto inputs = observe(look);
  if (!inputs) return std::nullopt;
  const Setting from = controller_->setting();
  auto made = controller_->tick(*inputs);
  if (made.write) {
    wanted_ = made.write;
    made.write = shown(*made.write);
  }
  if (!made.write && !is_refusal(made.reason)) return std::nullopt;
  AdaptDecision decision = describe(made, shown(from));
  if (how_.planned && made.write) {
    // Nothing comes of it: what follows is decided from what there is.
    controller_.emplace(how_.targets, now);
    planned_at_ = look.now.boottime;
  }
  if (!is_news(decision, made.after_cores)) return std::nullopt;
  return decision;
}

}  // namespace cgwarden::agent
