#include "agent/adapt_decision.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace cgwarden::agent {
namespace {

using policy::adapt::CpuDecision;
using policy::adapt::MemoryHighDecision;
using policy::adapt::OomForecast;
using policy::adapt::StallDecision;
using policy::simulation::CpuSetting;

std::string quota_text(const CpuSetting& setting) {
  const auto& quota = setting.max.quota;
  const std::string text = is_max(quota) ? "max" : std::to_string(std::get<Usec>(quota).count());
  return text + " " + std::to_string(setting.max.period.count());
}

std::string quota_change(const CpuSetting& before, const CpuSetting& after) {
  std::string text = fmt::format("cpu.max {} -> {}", quota_text(before), quota_text(after));
  if (before.burst != after.burst) {
    text += fmt::format(", cpu.max.burst {} -> {}", before.burst.count(), after.burst.count());
  }
  return text;
}

std::string limit_text(const LimitOf<Bytes>& limit) {
  return is_max(limit) ? "max" : human_bytes(std::get<Bytes>(limit));
}

void add_limit(AdaptDecision& made, const char* name, const LimitOf<Bytes>& limit) {
  if (const auto* bytes = std::get_if<Bytes>(&limit)) made.numbers[name] = bytes->value;
}

}  // namespace

std::uint64_t thousandths(double value) {
  return static_cast<std::uint64_t>(std::llround(std::max(value, 0.0) * 1000));
}

std::string AdaptDecision::text() const {
  std::string text = fmt::format("the {} loop of policy {}: {}", loop, policy, reason);
  if (!change.empty()) text += fmt::format(", {}{}", planned ? "would write " : "", change);
  if (kill) text += planned ? ", would kill all of its processes" : ", all of it is killed";
  return text + "; " + because;
}

AdaptDecision describe(const CpuDecision& decision, const CpuSetting& before) {
  AdaptDecision made{.loop = "cpu", .reason = to_string(decision.reason)};
  const auto& inputs = decision.inputs;
  if (decision.write) made.change = quota_change(before, *decision.write);
  made.because = fmt::format(
      "in the last {} it used {} of CPU time and was throttled in {} of {} periods, {} of it since "
      "the last look were; {:.2f} CPUs would have been enough, and a backlog needed {:.2f}",
      human_duration(inputs.length), human_duration(inputs.usage), inputs.throttled, inputs.periods,
      fmt::format("{:.0f} %", decision.throttled_ratio * 100), decision.enough_cores,
      decision.held_cores);
  made.numbers = {{"after_millicores", thousandths(decision.after_cores)},
                  {"before_millicores", thousandths(decision.before_cores)},
                  {"enough_millicores", thousandths(decision.enough_cores)},
                  {"held_millicores", thousandths(decision.held_cores)},
                  {"length_usec", inputs.length.count()},
                  {"margin_thousandths", thousandths(decision.margin)},
                  {"periods", inputs.periods},
                  {"throttled_periods", inputs.throttled},
                  {"throttled_thousandths", thousandths(decision.throttled_ratio)},
                  {"throttled_usec", inputs.throttled_time.count()},
                  {"usage_usec", inputs.usage.count()}};
  if (inputs.pressure) made.numbers["pressure_thousandths"] = thousandths(*inputs.pressure);
  if (inputs.node_busy) made.numbers["node_busy_thousandths"] = thousandths(*inputs.node_busy);
  return made;
}

AdaptDecision describe_start(const CpuSetting& before, const CpuSetting& after) {
  AdaptDecision made{.loop = "cpu", .reason = "started"};
  made.change = quota_change(before, after);
  made.because = "a quota between floor and ceiling is what it begins with";
  made.numbers = {{"after_millicores", thousandths(policy::simulation::cores(after))}};
  if (!is_max(before.max.quota)) {
    made.numbers["before_millicores"] = thousandths(policy::simulation::cores(before));
  }
  return made;
}

AdaptDecision describe(const MemoryHighDecision& decision) {
  AdaptDecision made{.loop = "memory_high", .reason = to_string(decision.reason)};
  const auto& inputs = decision.inputs;
  if (decision.write) {
    made.change =
        fmt::format("memory.high {} -> {}", limit_text(inputs.high), human_bytes(*decision.write));
    made.numbers["after_bytes"] = decision.write->value;
  }
  made.because = fmt::format(
      "{} are in use, {} of it cannot be reclaimed, and tasks waited {} for memory since the last "
      "change",
      human_bytes(inputs.current), human_bytes(inputs.unreclaimable),
      human_duration(decision.stalled));
  add_limit(made, "before_bytes", inputs.high);
  made.numbers["current_bytes"] = inputs.current.value;
  made.numbers["length_usec"] = inputs.length.count();
  made.numbers["some_usec"] = inputs.some.count();
  made.numbers["stalled_usec"] = decision.stalled.count();
  made.numbers["unreclaimable_bytes"] = inputs.unreclaimable.value;
  return made;
}

namespace {

std::string reclaim_of(const policy::adapt::StallInputs& inputs) {
  if (!inputs.pgscan) return "";
  if (*inputs.pgscan == 0) return " and nothing was scanned for reclaim";
  if (!inputs.pgsteal || !inputs.refaults) return "";
  return fmt::format(", reclaim took {} pages and {} came back", *inputs.pgsteal, *inputs.refaults);
}

}  // namespace

AdaptDecision describe(const StallDecision& decision) {
  using enum policy::adapt::StallAction;
  AdaptDecision made{.loop = "stall", .reason = to_string(decision.action)};
  const auto& inputs = decision.inputs;
  made.kill = decision.action == kill;
  if (decision.action == raise) {
    made.change =
        fmt::format("memory.high {} -> {}", limit_text(inputs.high), limit_text(decision.new_high));
    add_limit(made, "after_bytes", decision.new_high);
  }
  made.because =
      decision.action == over
          ? fmt::format("it hung for {} and goes on", human_duration(decision.stalled_for))
          : fmt::format(
                "it has hung at memory.high {} for {}: {} are in use, all tasks waited for "
                "memory in {:.0f} % of the last {}, memory.events high grew by {}{}",
                limit_text(inputs.high), human_duration(decision.stalled_for),
                human_bytes(inputs.current), decision.full_share * 100,
                human_duration(inputs.length), inputs.high_events, reclaim_of(inputs));
  add_limit(made, "before_bytes", inputs.high);
  add_limit(made, "max_bytes", inputs.max);
  made.numbers["current_bytes"] = inputs.current.value;
  made.numbers["full_usec"] = inputs.full.count();
  made.numbers["high_events"] = inputs.high_events;
  made.numbers["length_usec"] = inputs.length.count();
  if (inputs.pgscan) made.numbers["pgscan"] = *inputs.pgscan;
  if (inputs.pgsteal) made.numbers["pgsteal"] = *inputs.pgsteal;
  if (inputs.refaults) made.numbers["refaults"] = *inputs.refaults;
  made.numbers["raised_bytes"] = decision.raised.value;
  made.numbers["stalled_usec"] = decision.stalled_for.count();
  return made;
}

AdaptDecision describe(const OomForecast& forecast, Bytes bytes) {
  AdaptDecision made{.loop = "time_to_oom", .reason = forecast.warns ? "warned" : "over"};
  made.numbers["unreclaimable_bytes"] = bytes.value;
  if (!forecast.in) {
    made.because = "what cannot be reclaimed no longer grows towards a memory.max";
    return made;
  }
  const Bytes rate{static_cast<std::uint64_t>(forecast.bytes_per_second)};
  made.bound = forecast.bound;
  made.because = fmt::format(
      "memory.max of {} is hit in {} if it goes on so: {} are left below it, and what cannot be "
      "reclaimed grew by {} a second over the last {}, to {}",
      forecast.bound, human_duration(*forecast.in), human_bytes(forecast.left), human_bytes(rate),
      human_duration(forecast.window), human_bytes(bytes));
  made.numbers["bytes_per_second"] = rate.value;
  made.numbers["in_usec"] = forecast.in->count();
  made.numbers["left_bytes"] = forecast.left.value;
  made.numbers["spread_bytes"] = static_cast<std::uint64_t>(std::max(forecast.spread_bytes, 0.0));
  made.numbers["window_usec"] = forecast.window.count();
  return made;
}

}  // namespace cgwarden::agent
