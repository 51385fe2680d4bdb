#include "cli/history_report.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "cgroup/fields.h"
#include "cli/json_output.h"
#include "cli/local_time.h"

namespace cgwarden::cli {
namespace {

constexpr std::size_t kLabelWidth = 14;
constexpr std::size_t kValueWidth = 34;

std::string amount(Timeline::Unit unit, double value) {
  switch (unit) {
    case Timeline::Unit::bytes:
      return human_bytes(Bytes{static_cast<std::uint64_t>(value)});
    case Timeline::Unit::cores:
      return fmt::format("{:.2f} cores", value);
    case Timeline::Unit::percent:
      return fmt::format("{:.1f} %", value);
    case Timeline::Unit::per_second:
      return fmt::format("{:.6g}/s", value);
    case Timeline::Unit::number:
      return fmt::format("{:.15g}", value);
  }
  return "";
}

// What the height of a line means: its limit, all of the time, or its own largest value.
double top_of(const Timeline::Row& row) {
  const double most = row.most.value_or(0);
  if (row.limit) return std::max(most, *row.limit);
  return row.unit == Timeline::Unit::percent ? std::max(most, 100.0) : most;
}

std::string marks_text(const HistoryView& view, std::size_t width,
                       const diagnosis::ReportStyle& style) {
  std::string line(view.rows.empty() ? 0 : view.rows.front().columns.size(), ' ');
  for (std::size_t i = 0; i < view.marks.size(); ++i) {
    if (!view.marks[i] || *view.marks[i] >= line.size()) continue;
    line[*view.marks[i]] = view.verdicts[i].death ? 'X' : '!';
  }
  return fmt::format("{:<{}} {}{}{}  X death, ! stall\n", "verdicts", width,
                     style.color ? "\x1b[31m" : "", line, style.color ? "\x1b[0m" : "");
}

std::string lives_text(const HistoryView& view) {
  std::string text;
  for (const auto& life : view.lives) {
    if (text.empty() || &life == &view.lives.back() || view.lives.size() <= 5) {
      text += fmt::format("  {}  {} to {}\n", printable(life.path), wall_text(life.first),
                          wall_text(life.last));
    } else if (&life == &view.lives[1]) {
      text += fmt::format("  ... {} more ...\n", view.lives.size() - 2);
    }
  }
  return text;
}

}  // namespace

std::string row_text(const Timeline::Row& row, std::size_t width,
                     const diagnosis::ReportStyle& style) {
  std::string value = row.most ? "max " + amount(row.unit, *row.most) : "not recorded";
  if (row.most && row.limit) value += " of " + amount(row.unit, *row.limit);
  const std::string line = sparkline(row.columns, top_of(row), style.unicode);
  return fmt::format("{:<{}} {}{}{}  {}\n", row.label, width, style.color ? "\x1b[36m" : "", line,
                     style.color ? "\x1b[0m" : "", value);
}

std::string row_json(const Timeline::Row& row) {
  static constexpr std::array<const char*, 5> kUnits{"", "bytes", "cores", "percent", "per second"};
  nlohmann::json values = nlohmann::json::array();
  for (const auto& value : row.columns) {
    values.push_back(value ? nlohmann::json(*value) : nlohmann::json());
  }
  nlohmann::json object{{"name", row.label},
                        {"unit", kUnits.at(static_cast<std::size_t>(row.unit))},
                        {"values", std::move(values)}};
  if (row.most) object["max"] = *row.most;
  if (row.limit) object["limit"] = *row.limit;
  return object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::size_t history_columns(const diagnosis::ReportStyle& style) {
  return std::max<std::size_t>(style.width, 72) - kLabelWidth - kValueWidth;
}

std::string history_text(const HistoryView& view, const diagnosis::ReportStyle& style) {
  std::string text =
      fmt::format("{}: {} to {}, {} a column\n", printable(view.name), wall_text(view.range.from),
                  wall_text(view.range.until), human_duration(view.column_length));
  text += lives_text(view);
  std::size_t width = kLabelWidth - 1;
  for (const auto& row : view.rows) width = std::max(width, row.label.size());
  if (!view.lives.empty()) {
    text += "\n";
    for (const auto& row : view.rows) text += row_text(row, width, style);
    if (!view.verdicts.empty()) text += marks_text(view, width, style);
  }
  text += view.verdicts.empty() ? "\nNo verdict in this time.\n" : "\nVerdicts:\n";
  for (const auto& verdict : view.verdicts) {
    text +=
        fmt::format("  {}  {} ({})  {}\n", wall_text(verdict.when.wall), to_string(verdict.verdict),
                    to_string(verdict.confidence), printable(verdict.answer));
  }
  return text;
}

std::string history_json(const HistoryView& view) {
  using Json = nlohmann::json;
  Json document{{"version", kJsonVersion},
                {"name", view.name},
                {"from_usec", view.range.from.count()},
                {"until_usec", view.range.until.count()},
                {"column_usec", view.column_length.count()}};
  document["cgroups"] = Json::array();
  for (const auto& life : view.lives) {
    document["cgroups"].push_back({{"path", life.path},
                                   {"id", life.id.value},
                                   {"boot", life.boot},
                                   {"first_usec", life.first.count()},
                                   {"last_usec", life.last.count()}});
  }
  document["rows"] = Json::array();
  for (const auto& row : view.rows) document["rows"].push_back(Json::parse(row_json(row)));
  document["verdicts"] = Json::array();
  for (const auto& verdict : view.verdicts) {
    document["verdicts"].push_back(Json::parse(diagnosis::to_json(verdict), nullptr, false));
  }
  return document.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace cgwarden::cli
