#include "cli/top/plain.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "cli/json_output.h"
#include "cli/local_time.h"
#include "cli/top/columns.h"

namespace cgwarden::cli::top {
namespace {

// What --json calls a column; units last.
std::string_view member_of(Column column) {
  static constexpr std::array<std::string_view, kColumns> kMembers{"name",
                                                                   "kind",
                                                                   "cpu_cores",
                                                                   "throttled_share",
                                                                   "throttled_seconds_per_second",
                                                                   "memory_bytes",
                                                                   "memory_limit_bytes",
                                                                   "memory_share",
                                                                   "memory_some_share",
                                                                   "memory_full_share",
                                                                   "cpu_some_share",
                                                                   "cpu_full_share",
                                                                   "io_some_share",
                                                                   "io_full_share",
                                                                   "read_bytes_per_second",
                                                                   "write_bytes_per_second",
                                                                   "pids",
                                                                   "oom_kills",
                                                                   "last_verdict"};
  return kMembers.at(static_cast<std::size_t>(column));
}

nlohmann::json json_of(Unit unit, std::optional<double> value) {
  if (!value) return nullptr;
  if (std::isinf(*value)) return "max";
  // Rates of bytes have fractions, amounts do not.
  const bool whole = unit == Unit::bytes || unit == Unit::count;
  if (whole && *value >= 0 && *value < 9e15 && *value == std::floor(*value)) {
    return static_cast<std::uint64_t>(*value);
  }
  return *value;
}

nlohmann::json verdict_json(const std::optional<LastVerdict>& verdict) {
  if (!verdict) return nullptr;
  return {{"verdict", verdict->word},
          {"confidence", verdict->confidence},
          {"answer", printable(verdict->answer)},
          {"when", verdict->when.count()}};
}

nlohmann::json row_json(const Row& row) {
  nlohmann::json object{{"path", printable(row.path)},
                        {"id", row.id.value},
                        {"name", printable(row.name)},
                        {"kind", identity::to_string(row.identity.kind)},
                        {"last_verdict", verdict_json(row.verdict)}};
  for (const ColumnInfo& info : columns()) {
    if (info.unit == Unit::text) continue;
    object[member_of(info.column)] = json_of(info.unit, row.value(info.column));
  }
  object["memory_limit_of"] =
      row.limit_of.empty() ? nlohmann::json() : nlohmann::json(printable(row.limit_of));
  return object;
}

std::vector<Line> flat_lines(const Frame& frame, State state) {
  state.tree = false;
  return lines_of(frame, state);
}

}  // namespace

std::string plain_text(const Frame& frame, const State& state, bool live) {
  const auto lines = flat_lines(frame, state);
  std::string text = fmt::format("{} {}  {} of {} cgroups", live ? "live" : "past",
                                 wall_text(frame.time), lines.size(), frame.rows.size());
  if (frame.between) {
    text += fmt::format("  over {:.2f} s", static_cast<double>(frame.between->count()) / 1e6);
  }
  if (frame.dropped > 0) text += fmt::format("  {} left out", frame.dropped);
  text += '\n';
  const auto put = [&text](const ColumnInfo& info, std::string_view cell) {
    text += info.unit == Unit::text ? fmt::format("{:<{}}  ", cell, info.width)
                                    : fmt::format("{:>{}}  ", cell, info.width);
  };
  const auto row_text = [&](const auto& cell, std::string_view name) {
    for (const ColumnInfo& info : columns()) {
      if (info.column != Column::name) put(info, cell(info));
    }
    text.append(name).append("\n");
  };
  row_text([](const ColumnInfo& info) { return std::string(info.title); }, "NAME");
  for (const Line& line : lines) {
    const Row& row = frame.rows[line.row];
    // A directory's own name says little without the path to it.
    const bool by_path = row.identity.kind == identity::Kind::group;
    row_text([&](const ColumnInfo& info) { return printable(text_of(info.column, row)); },
             printable(by_path ? row.path : row.name));
  }
  return text;
}

std::string frame_json(const Frame& frame, const State& state, bool live) {
  nlohmann::json document{{"version", kJsonVersion},
                          {"time", frame.time.count()},
                          {"live", live},
                          {"interval_seconds", nullptr},
                          {"left_out", frame.dropped},
                          {"cgroups", nlohmann::json::array()}};
  if (frame.between) {
    document["interval_seconds"] = static_cast<double>(frame.between->count()) / 1e6;
  }
  for (const Line& line : flat_lines(frame, state)) {
    document["cgroups"].push_back(row_json(frame.rows[line.row]));
  }
  return document.dump() + "\n";
}

}  // namespace cgwarden::cli::top
