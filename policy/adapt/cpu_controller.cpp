#include "policy/adapt/cpu_controller.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace cgwarden::policy::adapt {
namespace {

constexpr double kSecond = 1'000'000;
// Captain looks back so far; requests that come in seconds, not minutes, are what a quota must fit.
constexpr double kHistoryUsec = 5 * kSecond;
// Longer stretches are as long as a quota takes to follow.
constexpr double kStretchUsec = 2 * kSecond;
// Lowering by less is not worth a write, lowering by more in a second is a guess (Captain's).
constexpr double kWorthLowering = 0.9;
constexpr double kMostLowering = 0.5;
// Ratios above so many targets are too much (Captain's).
constexpr double kTooMuch = 3;
constexpr double kMostMargin = 6;
// One throttled period may be of a few requests that came together, which the refill by the write
// serves: it raises by so much, or to so much more than what ran lately. What follows is a load.
constexpr double kFirstRaise = 1.2;
constexpr double kRecentRaise = 1.6;
constexpr double kRecentUsec = 0.5 * kSecond;
constexpr double kLeastRaise = 1.1;
constexpr double kLeastQuotaUsec = 1000;

double number(Usec time) { return static_cast<double>(time.count()); }

}  // namespace

std::string_view to_string(CpuReason reason) {
  static constexpr std::array<std::string_view, 8> kNames{"steady",    "waiting",     "throttled",
                                                          "backlog",   "rolled_back", "unused",
                                                          "node_busy", "at_ceiling"};
  return kNames.at(static_cast<std::size_t>(reason));
}

CpuController::CpuController(const CpuTargets& targets, const simulation::CpuSetting& now,
                             std::optional<Usec> written)
    : targets_(targets),
      limit_(is_max(now.max.quota)
                 ? targets.ceiling_cores
                 : std::clamp(simulation::cores(now), targets.floor_cores, targets.ceiling_cores)),
      last_limit_(limit_),
      written_(written) {}

simulation::CpuSetting CpuController::setting() const {
  const double quota = std::max(kLeastQuotaUsec, std::round(limit_ * number(targets_.period)));
  const Usec usec{static_cast<std::uint64_t>(quota)};
  return {{usec, targets_.period}, usec};
}

void CpuController::observe(const CpuInputs& inputs) {
  since_usec_ += number(inputs.length);
  periods_ += static_cast<double>(inputs.periods);
  throttled_ += static_cast<double>(inputs.throttled);
  // In a long tick some throttling is what the target puts up with; most of it is a row.
  const bool mostly = inputs.throttled > 0 && inputs.throttled * 2 >= inputs.periods;
  throttled_row_ = mostly ? throttled_row_ + inputs.throttled : 0;
  usage_.push_back({number(inputs.length), number(inputs.usage), 0});
  usage_usec_ += usage_.back().usec;
  while (usage_.size() > 1 && usage_usec_ - usage_.front().usec >= kHistoryUsec) {
    usage_usec_ -= usage_.front().usec;
    usage_.pop_front();
  }
  measure_stretches();
}

// With a burst of the same size, a quota gives k + 1 of itself to k periods after an idle one. Of
// the stretches that end with the newest: the others have not changed.
void CpuController::measure_stretches() {
  double usec = 0;
  double used = 0;
  const double newest = usage_.back().usec;
  for (auto one = usage_.rbegin(); one != usage_.rend(); ++one) {
    usec += one->usec;
    used += one->used;
    if (one != usage_.rbegin() && usec - newest >= kStretchUsec) break;
    one->most = std::max(one->most, used / (usec + number(targets_.period)));
  }
}

// An idle cgroup has no periods: then nothing was throttled. Of all time, as Captain has it: a
// period without work counts as one that was not throttled.
double CpuController::ratio() const {
  const double all = std::max(periods_, since_usec_ / number(targets_.period));
  return all > 0 ? throttled_ / all : 0;
}

double CpuController::enough_cores() const {
  double most = 0;
  for (const Usage& one : usage_) most = std::max(most, one.most);
  return most;
}

double CpuController::deviation() const {
  double used = 0;
  for (const Usage& one : usage_) used += one.used;
  const double mean = usage_usec_ > 0 ? used / usage_usec_ : 0;
  double sum = 0;
  for (const Usage& one : usage_) {
    const double away = one.used / one.usec - mean;
    sum += away * away * one.usec;
  }
  return usage_usec_ > 0 ? std::sqrt(sum / usage_usec_) : 0;
}

// What ran, and what was withheld. throttled_usec grows when a run queue goes on, by all the time
// for which it was held: a look may have had more of that than time, and where nothing has gone on
// yet, a CPU was wanted all the while.
double CpuController::demanded_cores(const CpuInputs& inputs) const {
  const double held = static_cast<double>(inputs.throttled) * number(targets_.period);
  const double withheld = inputs.throttled_time.count() > 0
                              ? number(inputs.throttled_time)
                              : std::max(0.0, held - number(inputs.usage));
  return (number(inputs.usage) + withheld) / std::max(number(inputs.length), held);
}

bool CpuController::backlog(const CpuInputs& inputs) const {
  const bool presses = inputs.pressure && *inputs.pressure > targets_.pressure;
  return inputs.throttled > 0 && (throttled_row_ > 0 || presses);
}

void CpuController::learn() {
  margin_ = std::clamp(margin_ + ratio() - targets_.throttled_ratio, 0.0, kMostMargin);
}

void CpuController::hold(const CpuInputs& inputs, double enough) {
  const double half_life = number(targets_.hold);
  if (half_life <= 0) return;
  held_ *= std::exp2(-number(inputs.length) / half_life);
  // What ran while it was caught up is what was needed, burst and all.
  hold_left_ = backlog(inputs) ? kStretchUsec : hold_left_ - number(inputs.length);
  if (hold_left_ > 0) held_ = std::max(held_, enough);
}

void CpuController::change(CpuDecision& decision, double cores, CpuReason reason) {
  const double wanted = std::clamp(cores, targets_.floor_cores, targets_.ceiling_cores);
  const CpuInputs& inputs = decision.inputs;
  decision.reason = reason;
  if (wanted > limit_ && inputs.node_busy && *inputs.node_busy > targets_.node_busy) {
    decision.reason = CpuReason::node_busy;
    return;
  }
  if (written_ && number(inputs.now) - number(*written_) < kSecond) {
    decision.reason = CpuReason::waiting;
    return;
  }
  const simulation::CpuSetting before = setting();
  lowered_ = wanted < limit_;
  if (lowered_) last_limit_ = limit_;
  limit_ = wanted;
  if (setting() == before) {
    // The same value again would refill the pool.
    decision.reason = wanted >= targets_.ceiling_cores ? CpuReason::at_ceiling : CpuReason::steady;
    return;
  }
  decision.write = setting();
  written_ = inputs.now;
}

double CpuController::enough_for_backlog(const CpuInputs& inputs) const {
  double wanted = demanded_cores(inputs);
  if (throttled_row_ == 1) {
    double usec = 0;
    double used = 0;
    for (auto one = usage_.rbegin(); one != usage_.rend() && usec < kRecentUsec; ++one) {
      usec += one->usec;
      used += one->used;
    }
    wanted = std::min(wanted, std::max(kFirstRaise * limit_, kRecentRaise * used / usec));
  }
  return std::max(wanted, kLeastRaise * limit_);
}

void CpuController::choose(CpuDecision& decision) {
  const double too_much = kTooMuch * targets_.throttled_ratio;
  if (backlog(decision.inputs)) {
    change(decision, enough_for_backlog(decision.inputs), CpuReason::backlog);
    return;
  }
  if (lowered_ && decision.throttled_ratio > too_much) {
    change(decision, 2 * last_limit_ - limit_, CpuReason::rolled_back);
    return;
  }
  if (since_usec_ < kSecond) return;
  if (decision.throttled_ratio > too_much) {
    change(decision, limit_ * (1 + decision.throttled_ratio - too_much), CpuReason::throttled);
  } else if (const double wanted =
                 std::max(decision.enough_cores + deviation() * margin_, decision.held_cores);
             wanted <= kWorthLowering * limit_) {
    change(decision, std::max(kMostLowering * limit_, wanted), CpuReason::unused);
  }
}

CpuDecision CpuController::tick(const CpuInputs& inputs) {
  CpuDecision decision;
  decision.inputs = inputs;
  decision.before_cores = limit_;
  if (inputs.length.count() == 0) {
    decision.after_cores = limit_;
    return decision;
  }
  observe(inputs);
  decision.throttled_ratio = ratio();
  decision.enough_cores = enough_cores();
  hold(inputs, decision.enough_cores);
  decision.held_cores = held_;
  choose(decision);
  if (since_usec_ >= kSecond) {
    learn();
    since_usec_ = 0;
    periods_ = 0;
    throttled_ = 0;
  }
  decision.margin = margin_;
  decision.after_cores = limit_;
  return decision;
}

}  // namespace cgwarden::policy::adapt
