#include <fmt/format.h>

#include <algorithm>

#include "base/clock.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/recorded.h"
#include "cli/simulation_report.h"
#include "cli/terminal.h"
#include "policy/values.h"

namespace cgwarden::cli {
namespace {

namespace simulation = policy::simulation;

constexpr Usec kSimulateDefault{3600ULL * 1'000'000};
constexpr double kDefaultThrottledPercent = 1;

int wrong(const std::string& option, const std::string& text, const policy::ValueFault& fault) {
  complain(fmt::format("cannot use {} {}: {}{}{}", option, printable(text), fault.problem,
                       fault.hint.empty() ? "" : "; ", fault.hint));
  return kUsage;
}

// Its usage, and what the spreads make of it.
struct Recorded {
  SimulationView view;
  RecordedUsage usage;
};

Status read_usage(const diagnosis::Recording& recording, const SimulateOptions& options,
                  Recorded& out) {
  const diagnosis::TimeRange range{out.view.from, out.view.until};
  CGW_ASSIGN(const auto all, recording.cgroups(range));
  const auto lives = lives_called(all, options.name);
  if (!lives.empty()) out.view.cgroup = lives.back().path;
  CGW_TRY(recording.each(
      range, RecordedUsage::fields(),
      [&](const diagnosis::RecordedCgroup& cgroup) {
        return std::ranges::any_of(lives, [&](const auto& life) { return life.same(cgroup); });
      },
      [&](const diagnosis::RecordedCgroup& cgroup, const diagnosis::Series& piece) {
        return out.usage.add(cgroup, piece);
      }));
  if (out.usage.full()) {
    return fail(Error::invalid("simulate", "that much of " + printable(options.name),
                               "ask for less time with --since and --until"));
  }
  return {};
}

// An exit code, or the usage.
std::expected<Recorded, int> recorded(const Common& common, const SimulateOptions& options) {
  const auto range =
      parse_range(options.since, options.until, kSimulateDefault, SystemClock().now().wall);
  if (!range) {
    complain(range.error().sentence());
    return std::unexpected(kUsage);
  }
  Recorded out;
  out.view.name = options.name;
  out.view.from = range->from;
  out.view.until = range->until;
  const auto recording = open_recording(common.where);
  if (!recording) return std::unexpected(failed(recording.error()));
  if (const Status read = read_usage(*recording, options, out); !read) {
    return std::unexpected(failed(read.error()));
  }
  for (const auto& fault : recording->faults()) complain(fault);
  if (out.usage.samples().empty()) {
    complain("nothing called '" + printable(options.name) +
             "' was recorded in this time with its CPU use; --since goes further back");
    return std::unexpected(kNoSuchWorkload);
  }
  out.view.samples = out.usage.samples().size();
  out.view.length = out.usage.length();
  out.view.used = out.usage.used();
  out.view.recorded = out.usage.setting();
  out.view.counted = out.usage.counted();
  return out;
}

void add_rows(Recorded& recorded, const std::vector<simulation::CpuSetting>& settings) {
  const auto even = demanded(recorded.usage.samples(), simulation::Spread::even);
  const auto packed = demanded(recorded.usage.samples(), simulation::Spread::packed);
  const auto likely = demanded(recorded.usage.samples(), simulation::Spread::likely);
  for (const auto& setting : settings) {
    recorded.view.rows.push_back(
        {setting, replay(likely, setting), replay(even, setting), replay(packed, setting)});
  }
}

int say(const Common& common, const SimulationView& view) {
  print(common.json ? simulation_json(view) : simulation_text(view));
  return kOk;
}

}  // namespace

int policy_simulate(const Common& common, const SimulateOptions& options) {
  simulation::CpuSetting asked;
  if (!options.cpu_max.empty()) {
    const auto max = policy::parse_cpu_quota(options.cpu_max);
    if (!max) return wrong("--cpu-max", options.cpu_max, max.error());
    asked.max = *max;
  }
  if (!options.burst.empty()) {
    const auto burst = policy::parse_duration(options.burst);
    if (!burst) return wrong("--burst", options.burst, burst.error());
    asked.burst = *burst;
  }
  auto read = recorded(common, options);
  if (!read) return read.error();
  const simulation::CpuSetting last = read->usage.setting().value_or(simulation::CpuSetting{});
  if (options.cpu_max.empty()) {
    asked.max = last.max;
    if (options.burst.empty()) asked.burst = last.burst;
  }
  const auto* quota = std::get_if<Usec>(&asked.max.quota);
  if (quota != nullptr && asked.burst > *quota) {
    return wrong(
        "--burst", options.burst.empty() ? human_duration(asked.burst) : options.burst,
        {"it is more than the quota of " + human_duration(*quota), "the kernel refuses it"});
  }
  add_rows(*read, {asked});
  return say(common, read->view);
}

int policy_recommend(const Common& common, const SimulateOptions& options) {
  simulation::CpuTarget target;
  if (options.throttled_percent) target.throttled_share = *options.throttled_percent / 100;
  target.lost_cpus = options.lost_cpus;
  if (!options.delay_p99.empty()) {
    const auto delay = policy::parse_duration(options.delay_p99);
    if (!delay) return wrong("--delay-p99", options.delay_p99, delay.error());
    target.delay_p99 = *delay;
  }
  if (!target.throttled_share && !target.lost_cpus && !target.delay_p99) {
    target.throttled_share = kDefaultThrottledPercent / 100;
  }
  const auto period = policy::parse_duration(options.period);
  if (!period) return wrong("--period", options.period, period.error());
  if (*period < Usec{1000} || *period > Usec{1'000'000}) {
    return wrong("--period", options.period, {"it is outside 1ms to 1s", "the kernel refuses it"});
  }
  auto read = recorded(common, options);
  if (!read) return read.error();
  const auto spread = options.cautious ? simulation::Spread::packed : simulation::Spread::likely;
  std::vector<simulation::CpuSetting> settings;
  for (const auto& candidate :
       recommend(demanded(read->usage.samples(), spread), target, *period)) {
    settings.push_back(candidate.setting);
  }
  read->view.recommends = true;
  add_rows(*read, settings);
  return say(common, read->view);
}

}  // namespace cgwarden::cli
