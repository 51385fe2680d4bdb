#include "policy/adapt_schema.h"

#include <fmt/format.h>

#include <charconv>
#include <string>

#include "base/text.h"

namespace cgwarden::policy {
namespace {

constexpr const char* kAdaptExample =
    "adapt: {cpu: {floor: 100m, ceiling: 2}, stall: {action: raise}}";
constexpr const char* kCpuExample = "cpu: {floor: 100m, ceiling: 2}";
constexpr const char* kHighExample = "memoryHigh: {floor: 64MiB, ceiling: 1GiB}";
constexpr const char* kStallExample = "stall: {action: raise}";
constexpr const char* kKillExample = "kill: {full: 0.6, lasting: 10s, budget: 3}";
constexpr const char* kOomExample = "timeToOom: {warn: 10min}";

// A second: the loops look once in a tick, and less than one tick shows nothing.
constexpr Usec kShortestTime{1'000'000};
constexpr Usec kLongestTime{3'600'000'000};
// A rule that kills more often than each half minute is no guard but the outage.
constexpr std::size_t kMostKills = 100;
// memory.pressure avg10 needs so long to fall by half when what pressed is gone.
constexpr Usec kEased{7'000'000};

Parsed<double> parse_share_up_to(std::string_view text, double most) {
  double value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc{} || end != text.data() + text.size() || !(value > 0 && value <= most)) {
    return std::unexpected(ValueFault{fmt::format("it must be above 0 and at most {}", most),
                                      "a share is written as 0.1, not as 10%"});
  }
  return value;
}

Parsed<double> parse_share(std::string_view text) { return parse_share_up_to(text, 1); }
// memory.high may double at once, not more.
Parsed<double> parse_step(std::string_view text) { return parse_share_up_to(text, 1); }
// A stall may double memory.high twice.
Parsed<double> parse_raise_budget(std::string_view text) { return parse_share_up_to(text, 4); }

Parsed<double> parse_cores(std::string_view text) {
  const auto quota = parse_cpu_quota(text);
  if (!quota) return std::unexpected(quota.error());
  if (is_max(quota->quota) || text.find('/') != std::string_view::npos) {
    return std::unexpected(
        ValueFault{"it must be a number of cores", "for example: 1.5, or 500m for half a core"});
  }
  return static_cast<double>(std::get<Usec>(quota->quota).count()) /
         static_cast<double>(quota->period.count());
}

Parsed<Usec> parse_quota_period(std::string_view text) {
  const auto period = parse_duration(text);
  if (period && (*period < Usec{1000} || *period > Usec{1'000'000})) {
    return std::unexpected(
        ValueFault{"the kernel takes periods from 1ms to 1s", "100ms is the kernel's own", "L01"});
  }
  return period;
}

Parsed<Usec> parse_patience(std::string_view text) {
  const auto time = parse_duration(text);
  if (time && (*time < kShortestTime || *time > kLongestTime)) {
    return std::unexpected(ValueFault{"it must be from 1s to 1h", "for example: 5s"});
  }
  return time;
}

// A cool-down and a budget over a day are no bound any more.
Parsed<Usec> parse_budget_time(std::string_view text) {
  const auto time = parse_duration(text);
  if (time && (*time < Usec{60'000'000} || *time > Usec{86'400'000'000})) {
    return std::unexpected(ValueFault{"it must be from 1min to 24h", "for example: 1h"});
  }
  return time;
}

Parsed<std::size_t> parse_kill_budget(std::string_view text) {
  const auto kills = parse_integer<std::size_t>(text);
  if (!kills || *kills < 1 || *kills > kMostKills) {
    return std::unexpected(
        ValueFault{fmt::format("it must be a number of kills from 1 to {}", kMostKills),
                   "mode: plan is for a rule that shall kill nothing"});
  }
  return *kills;
}

Parsed<Usec> parse_hold(std::string_view text) {
  if (text == "0") return Usec{0};
  return parse_patience(text);
}

Parsed<Bytes> parse_bound(std::string_view text) {
  const auto limit = parse_memory_limit(text);
  if (!limit) return std::unexpected(limit.error());
  if (is_max(*limit) || std::get<Bytes>(*limit).value == 0) {
    return std::unexpected(ValueFault{"it must be a size above 0", "for example: 64MiB"});
  }
  return std::get<Bytes>(*limit);
}

// A value of a known key, where it is given.
template <typename Value, typename Parse>
void take(MapReader& map, std::string_view key, Value& out, Findings& findings, Parse parse) {
  const Node* node = map.find(key);
  if (node == nullptr) return;
  if (auto value = read_value(*node, map.name(key), findings, parse)) out = *value;
}

// One loop of `adapt`; nothing, with the error reported, when it is no map.
template <typename Values, typename Fill>
std::optional<Values> read_loop(const Node& node, const std::string& name, const char* example,
                                Findings& findings, Fill fill) {
  if (node.kind != NodeKind::map) {
    report_kind(node, name, "a map", example, findings);
    return std::nullopt;
  }
  MapReader map(node, name + ".", findings);
  Values values;
  fill(map, values);
  map.refuse_unknown();
  return values;
}

std::optional<adapt::CpuTargets> read_cpu(const Node& node, Findings& findings) {
  return read_loop<adapt::CpuTargets>(
      node, "adapt.cpu", kCpuExample, findings, [&](MapReader& map, adapt::CpuTargets& targets) {
        take(map, "floor", targets.floor_cores, findings, parse_cores);
        static_cast<void>(map.require("ceiling", kCpuExample));
        take(map, "ceiling", targets.ceiling_cores, findings, parse_cores);
        take(map, "throttledRatio", targets.throttled_ratio, findings, parse_share);
        take(map, "hold", targets.hold, findings, parse_hold);
        take(map, "period", targets.period, findings, parse_quota_period);
        take(map, "nodeBusy", targets.node_busy, findings, parse_share);
        take(map, "pressure", targets.pressure, findings, parse_share);
      });
}

std::optional<adapt::MemoryHighTargets> read_memory_high(const Node& node, Findings& findings) {
  return read_loop<adapt::MemoryHighTargets>(
      node, "adapt.memoryHigh", kHighExample, findings,
      [&](MapReader& map, adapt::MemoryHighTargets& targets) {
        take(map, "floor", targets.floor, findings, parse_bound);
        static_cast<void>(map.require("ceiling", kHighExample));
        take(map, "ceiling", targets.ceiling, findings, parse_bound);
        take(map, "pressure", targets.pressure, findings, parse_duration);
        take(map, "window", targets.window, findings, parse_patience);
        take(map, "probe", targets.most_probe, findings, parse_step);
        take(map, "backoff", targets.most_backoff, findings, parse_step);
      });
}

std::optional<adapt::StallLimits> read_stall(const Node& node, adapt::StallResponse& response,
                                             Findings& findings) {
  using enum adapt::StallResponse;
  const auto fill = [&](MapReader& map, adapt::StallLimits& limits) {
    if (const Node* action = map.require("action", kStallExample)) {
      const auto word =
          read_word(*action, "adapt.stall.action", {"notify", "raise", "kill"}, findings);
      if (word) response = *word == "kill" ? kill : *word == "raise" ? raise : notify;
    }
    take(map, "full", limits.full, findings, parse_share);
    take(map, "patience", limits.patience, findings, parse_patience);
    take(map, "calm", limits.calm, findings, parse_patience);
    take(map, "raiseStep", limits.raise_step, findings, parse_share);
    take(map, "raiseBudget", limits.raise_budget, findings, parse_raise_budget);
    take(map, "raiseEvery", limits.raise_every, findings, parse_patience);
    take(map, "killAfter", limits.kill_after, findings, parse_patience);
    limits.may_raise = response != notify;
    limits.may_kill = response == kill;
  };
  return read_loop<adapt::StallLimits>(node, "adapt.stall", kStallExample, findings, fill);
}

std::optional<adapt::OomLimits> read_time_to_oom(const Node& node, Findings& findings) {
  return read_loop<adapt::OomLimits>(node, "adapt.timeToOom", kOomExample, findings,
                                     [&](MapReader& map, adapt::OomLimits& limits) {
                                       static_cast<void>(map.require("warn", kOomExample));
                                       take(map, "warn", limits.warn, findings, parse_patience);
                                     });
}

std::optional<adapt::KillRule> read_kill(const Node& node, Findings& findings) {
  const auto fill = [&](MapReader& map, adapt::KillRule& rule) {
    double share = rule.full / 100;
    static_cast<void>(map.require("full", kKillExample));
    take(map, "full", share, findings, parse_share);
    rule.full = share * 100;
    take(map, "lasting", rule.lasting, findings, parse_patience);
    if (const Node* by = map.find("by")) {
      using enum adapt::KillBy;
      const auto word =
          read_word(*by, "adapt.kill.by", {"size_or_growth", "pressure", "swap"}, findings);
      if (word) rule.by = *word == "swap" ? swap : *word == "pressure" ? pressure : size_or_growth;
    }
    take(map, "coolDown", rule.cool_down, findings, parse_patience);
    if (map.find("budget") == nullptr) {
      findings.error(node.place, "adapt.kill has no budget: it would kill again and again",
                     kKillExample, "L45");
    }
    take(map, "budget", rule.budget, findings, parse_kill_budget);
    take(map, "budgetTime", rule.budget_time, findings, parse_budget_time);
  };
  return read_loop<adapt::KillRule>(node, "adapt.kill", kKillExample, findings, fill);
}

void lint_kill(const adapt::Settings& settings, Findings& findings) {
  const auto& rule = settings.kill;
  if (!rule) return;
  if (rule->cool_down < kEased) {
    findings.warning(settings.kill_position,
                     fmt::format("adapt.kill.coolDown of {}: memory.pressure still tells of what "
                                 "the last victim did, and the next one is killed for it",
                                 human_duration(rule->cool_down)),
                     "take 15s or more", "L46");
  }
  if (rule->full < 10) {
    findings.warning(settings.kill_position,
                     fmt::format("adapt.kill.full of {:.2f}: any reclaim stalls so much, and "
                                 "something is killed for it",
                                 rule->full / 100),
                     "0.6 is what systemd-oomd takes", "L46");
  }
  if (static_cast<double>(rule->budget) * static_cast<double>(rule->cool_down.count()) >
      static_cast<double>(rule->budget_time.count())) {
    findings.warning(settings.kill_position,
                     fmt::format("adapt.kill.budget of {} is never used up: with a coolDown of {} "
                                 "fewer fit into {}",
                                 rule->budget, human_duration(rule->cool_down),
                                 human_duration(rule->budget_time)),
                     "give a smaller budget", "L46");
  }
}

void lint_bounds(const adapt::Settings& settings, Findings& findings) {
  if (const auto& cpu = settings.cpu) {
    if (cpu->floor_cores > cpu->ceiling_cores) {
      findings.error(settings.cpu_position,
                     fmt::format("adapt.cpu.floor of {} cores is above its ceiling of {}",
                                 cpu->floor_cores, cpu->ceiling_cores),
                     kCpuExample, "L44");
    }
    if (cpu->floor_cores * static_cast<double>(cpu->period.count()) <
        static_cast<double>(kMinCpuQuota.count())) {
      findings.error(settings.cpu_position,
                     fmt::format("adapt.cpu.floor of {} cores is below 1 ms in a period of {}: the "
                                 "kernel takes no such quota",
                                 cpu->floor_cores, human_duration(cpu->period)),
                     "raise the floor or the period", "L01");
    }
  }
  if (const auto& high = settings.memory_high; high && high->floor > high->ceiling) {
    findings.error(settings.memory_high_position,
                   fmt::format("adapt.memoryHigh.floor of {} is above its ceiling of {}",
                               human_bytes(high->floor), human_bytes(high->ceiling)),
                   kHighExample, "L44");
  }
  if (const auto& high = settings.memory_high;
      high && (high->pressure == Usec{0} || high->pressure > high->window)) {
    findings.error(settings.memory_high_position,
                   fmt::format("adapt.memoryHigh.pressure must be above 0 and at most its window "
                               "of {}",
                               human_duration(high->window)),
                   "10ms in 6s is the default", "L44");
  }
}

}  // namespace

adapt::Settings read_adapt(const Node& node, Findings& findings) {
  adapt::Settings settings;
  if (node.kind != NodeKind::map) {
    report_kind(node, "adapt", "a map", kAdaptExample, findings);
    return settings;
  }
  MapReader map(node, "adapt.", findings);
  if (const Node* cpu = map.find("cpu")) {
    settings.cpu = read_cpu(*cpu, findings);
    settings.cpu_position = findings.source().position(cpu->key_place);
  }
  if (const Node* high = map.find("memoryHigh")) {
    settings.memory_high = read_memory_high(*high, findings);
    settings.memory_high_position = findings.source().position(high->key_place);
  }
  if (const Node* stall = map.find("stall")) {
    settings.stall = read_stall(*stall, settings.stall_response, findings);
    settings.stall_position = findings.source().position(stall->key_place);
  }
  if (const Node* oom = map.find("timeToOom")) {
    settings.time_to_oom = read_time_to_oom(*oom, findings);
    settings.time_to_oom_position = findings.source().position(oom->key_place);
  }
  if (const Node* kill = map.find("kill")) {
    settings.kill = read_kill(*kill, findings);
    settings.kill_position = findings.source().position(kill->key_place);
  }
  map.refuse_unknown();
  if (node.children.empty()) findings.error(node.place, "adapt has no loop", kAdaptExample);
  return settings;
}

void lint_adapt(const adapt::Settings& settings, const Resources& resources, Findings& findings) {
  if (findings.has_errors()) return;
  lint_bounds(settings, findings);
  lint_kill(settings, findings);
  const auto refuse = [&](const SourcePosition& loop, const char* key, const char* file) {
    if (!resources.positions.contains(file)) return;
    findings.error(
        loop,
        fmt::format("{} and a fixed {} in one policy: only one of them can decide it", key, file),
        fmt::format("remove the fixed value; floor and ceiling of {} bound it", key), "L43");
  };
  if (settings.cpu) {
    refuse(settings.cpu_position, "adapt.cpu", "cpu.max");
    refuse(settings.cpu_position, "adapt.cpu", "cpu.max.burst");
  }
  if (settings.memory_high) {
    refuse(settings.memory_high_position, "adapt.memoryHigh", "memory.high");
  }
  const auto& max = resources.memory_max;
  if (settings.memory_high && max && !is_max(*max) &&
      settings.memory_high->ceiling >= std::get<Bytes>(*max)) {
    findings.warning(settings.memory_high_position,
                     "adapt.memoryHigh.ceiling is not below memory.max: the kernel kills before "
                     "memory.high is there to throttle",
                     "take a ceiling below memory.max", "L14");
  }
}

}  // namespace cgwarden::policy
