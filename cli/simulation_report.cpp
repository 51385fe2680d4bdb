#include "cli/simulation_report.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/json_output.h"
#include "cli/local_time.h"

namespace cgwarden::cli {
namespace {

using policy::simulation::CpuOutcome;
using policy::simulation::CpuSetting;

constexpr const char* kRow = "{:<24} {:>7} {:>20} {:>20} {:>24} {:>24}\n";

Usec whole_usec(double value) { return Usec{static_cast<std::uint64_t>(value + 0.5)}; }

std::string max_text(const CpuSetting& setting) {
  if (is_max(setting.max.quota)) return "max";
  return fmt::format("{} {}{}", std::get<Usec>(setting.max.quota).count(),
                     setting.max.period.count(),
                     setting.burst.count() > 0 ? fmt::format(" +{}", setting.burst.count()) : "");
}

std::string cores_text(const CpuSetting& setting) {
  return is_max(setting.max.quota) ? "-" : fmt::format("{:.2f}", cores(setting));
}

// "3.1", or "3.1 (0.0-12.4)" when it depends on where in the samples the usage fell.
template <typename Format>
std::string span_text(const SimulationView::Row& row, double (*value)(const CpuOutcome&),
                      Format format) {
  const std::string likely = format(value(row.likely));
  const std::string even = format(value(row.even));
  const std::string packed = format(value(row.packed));
  return even == packed && even == likely ? likely : likely + " (" + even + "-" + packed + ")";
}

std::string percent_text(double share) { return fmt::format("{:.1f} %", share * 100); }
std::string number_text(double value) { return fmt::format("{:.3f}", value); }
std::string time_text(double value) { return human_duration(whole_usec(value)); }

std::string setting_text(const SimulationView::Row& row) {
  return fmt::format(
      fmt::runtime(kRow), max_text(row.setting), cores_text(row.setting),
      span_text(
          row, [](const CpuOutcome& o) { return o.throttled_share(); }, percent_text),
      span_text(
          row, [](const CpuOutcome& o) { return o.lost_cpus(); }, number_text),
      span_text(
          row, [](const CpuOutcome& o) { return o.delay_p99_usec; }, time_text),
      span_text(row, [](const CpuOutcome& o) { return o.delay_max_usec; }, time_text));
}

std::string recorded_text(const SimulationView& view) {
  const auto& counted = *view.counted;
  const double share = counted.periods == 0 ? 0
                                            : static_cast<double>(counted.throttled) /
                                                  static_cast<double>(counted.periods);
  const double lost = view.length.count() == 0
                          ? 0
                          : static_cast<double>(counted.throttled_time.count()) /
                                static_cast<double>(view.length.count());
  return fmt::format(fmt::runtime(kRow), "recorded", "", percent_text(share), number_text(lost),
                     "-", "-");
}

nlohmann::json to_object(const CpuSetting& setting) {
  nlohmann::json object{{"period_usec", setting.max.period.count()},
                        {"burst_usec", setting.burst.count()}};
  if (is_max(setting.max.quota)) {
    object["quota_usec"] = nullptr;
  } else {
    object["quota_usec"] = std::get<Usec>(setting.max.quota).count();
    object["cores"] = cores(setting);
  }
  return object;
}

nlohmann::json to_object(const CpuOutcome& outcome) {
  return {{"nr_periods", outcome.periods},
          {"nr_throttled", outcome.throttled},
          {"throttled_share", outcome.throttled_share()},
          {"throttled_usec", whole_usec(outcome.throttled_usec).count()},
          {"lost_cpus", outcome.lost_cpus()},
          {"left_usec", whole_usec(outcome.left_usec).count()},
          {"delay_p50_usec", whole_usec(outcome.delay_p50_usec).count()},
          {"delay_p99_usec", whole_usec(outcome.delay_p99_usec).count()},
          {"delay_p999_usec", whole_usec(outcome.delay_p999_usec).count()},
          {"delay_max_usec", whole_usec(outcome.delay_max_usec).count()}};
}

}  // namespace

std::string simulation_text(const SimulationView& view) {
  std::string text = fmt::format(
      "{} ({}): {} to {}\n{} samples of {} in all, {:.3f} CPUs used\n\n", printable(view.name),
      printable(view.cgroup), wall_text(view.from), wall_text(view.until), view.samples,
      human_duration(view.length),
      static_cast<double>(view.used.count()) / static_cast<double>(view.length.count()));
  text += fmt::format(fmt::runtime(kRow), "cpu.max +burst", "cores", "throttled", "lost CPUs",
                      "p99 delay", "longest delay");
  if (view.counted) text += recorded_text(view);
  for (const auto& row : view.rows) text += setting_text(row);
  if (view.recommends && !view.rows.empty()) {
    const CpuSetting& best = view.rows.front().setting;
    text += fmt::format("\nThe cheapest that keeps the target: cpu: {{max: {}us/{}us",
                        std::get<Usec>(best.max.quota).count(), best.max.period.count());
    if (best.burst.count() > 0) text += fmt::format(", burst: {}us", best.burst.count());
    text += "}\n";
  }
  return text +
         "\nThe range in brackets: from usage spread over each sample to usage packed at its "
         "start. What "
         "threads,\n"
         "other cgroups or limits above would have changed is not in it.\n";
}

std::string simulation_json(const SimulationView& view) {
  using Json = nlohmann::json;
  Json document{{"version", kJsonVersion},
                {"name", view.name},
                {"cgroup", view.cgroup},
                {"from_usec", view.from.count()},
                {"until_usec", view.until.count()},
                {"samples", view.samples},
                {"length_usec", view.length.count()},
                {"used_usec", view.used.count()},
                {"recorded", nullptr}};
  if (view.recorded) document["recorded"] = {{"setting", to_object(*view.recorded)}};
  if (view.recorded && view.counted) {
    document["recorded"]["nr_periods"] = view.counted->periods;
    document["recorded"]["nr_throttled"] = view.counted->throttled;
    document["recorded"]["throttled_usec"] = view.counted->throttled_time.count();
  }
  document["settings"] = Json::array();
  for (const auto& row : view.rows) {
    document["settings"].push_back({{"setting", to_object(row.setting)},
                                    {"likely", to_object(row.likely)},
                                    {"even", to_object(row.even)},
                                    {"packed", to_object(row.packed)}});
  }
  return document.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace cgwarden::cli
