#include "cli/top/columns.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace cgwarden::cli::top {
namespace {

constexpr std::array<ColumnInfo, kColumns> kTable{{
    {Column::name, "name", "NAME", 16, 0, Unit::text, "workload, container, unit or directory"},
    {Column::kind, "kind", "KIND", 9, 15, Unit::text, "what it is"},
    {Column::cpu, "cpu", "CPU", 6, 1, Unit::cores, "cores in use"},
    {Column::throttled, "throttled", "THR%", 5, 3, Unit::share,
     "periods of cpu.max in which it was throttled"},
    {Column::lost, "lost", "LOST", 5, 8, Unit::seconds, "seconds per second spent throttled"},
    {Column::memory, "memory", "MEM", 6, 2, Unit::bytes, "memory.current"},
    {Column::limit, "limit", "LIMIT", 6, 4, Unit::bytes,
     "smallest memory.max of it and its ancestors"},
    {Column::share, "share", "MEM%", 5, 5, Unit::share, "memory of that limit"},
    {Column::memory_some, "mem-some", "MSOME", 6, 9, Unit::share,
     "time in which a task waited for memory"},
    {Column::memory_full, "mem-full", "MFULL", 6, 10, Unit::share,
     "time in which all tasks waited for memory"},
    {Column::cpu_some, "cpu-some", "CSOME", 6, 11, Unit::share,
     "time in which a task waited for the CPU"},
    {Column::cpu_full, "cpu-full", "CFULL", 6, 18, Unit::share,
     "time in which all tasks waited for the CPU"},
    {Column::io_some, "io-some", "IOSOME", 6, 12, Unit::share,
     "time in which a task waited for I/O"},
    {Column::io_full, "io-full", "IOFULL", 6, 17, Unit::share,
     "time in which all tasks waited for I/O"},
    {Column::read, "read", "READ/s", 6, 13, Unit::bytes, "bytes read from devices"},
    {Column::write, "write", "WRIT/s", 6, 14, Unit::bytes, "bytes written to devices"},
    {Column::pids, "pids", "PIDS", 6, 6, Unit::count, "processes and threads"},
    {Column::oom_kill, "oom", "OOM", 5, 7, Unit::count, "processes killed by the OOM killer"},
    {Column::verdict, "verdict", "LAST VERDICT", 18, 16, Unit::text, "why it died or stalled last"},
}};

// At most five characters: "64.0M", "512K", "17".
std::string compact(double value) {
  static constexpr std::string_view kUnits = "KMGTPE";
  if (value < 1000) return fmt::format("{:.0f}", value);
  std::size_t unit = 0;
  for (value /= 1024; value >= 999.5 && unit + 1 < kUnits.size(); value /= 1024) ++unit;
  return value < 99.95 ? fmt::format("{:.1f}{}", value, kUnits[unit])
                       : fmt::format("{:.0f}{}", value, kUnits[unit]);
}

// Thousands, not 1024: of things that are counted one by one.
std::string counted(double value) {
  if (value < 1e6) return fmt::format("{:.0f}", value);
  return value < 1e9 ? fmt::format("{:.1f}M", value / 1e6) : fmt::format("{:.1f}G", value / 1e9);
}

std::string word_of(Column column, const Row& row) {
  if (column == Column::name) return row.name;
  if (column == Column::kind) return std::string(identity::to_string(row.identity.kind));
  return row.verdict ? row.verdict->word : "-";
}

}  // namespace

const std::array<ColumnInfo, kColumns>& columns() { return kTable; }

const ColumnInfo& info_of(Column column) { return kTable.at(static_cast<std::size_t>(column)); }

std::optional<Column> column_called(std::string_view word) {
  const auto* const found = std::ranges::find(kTable, word, &ColumnInfo::word);
  return found == kTable.end() ? std::nullopt : std::optional(found->column);
}

std::vector<std::string> column_words() {
  std::vector<std::string> words;
  for (const auto& info : kTable) words.emplace_back(info.word);
  return words;
}

std::string text_of(Unit unit, std::optional<double> value) {
  if (!value) return "-";
  if (std::isinf(*value)) return "max";
  switch (unit) {
    case Unit::cores:
    case Unit::seconds:
      return *value < 99.995 ? fmt::format("{:.2f}", *value) : fmt::format("{:.1f}", *value);
    case Unit::share:
      return *value < 0.9995 ? fmt::format("{:.1f}", *value * 100)
                             : fmt::format("{:.0f}", *value * 100);
    case Unit::bytes:
      return compact(*value);
    case Unit::count:
    case Unit::text:
      break;
  }
  return counted(*value);
}

std::string text_of(Column column, const Row& row) {
  const ColumnInfo& info = info_of(column);
  return info.unit == Unit::text ? word_of(column, row) : text_of(info.unit, row.value(column));
}

bool comes_before(const Row& left, const Row& right, Column column, bool reverse) {
  if (info_of(column).unit == Unit::text) {
    const bool missing_left = column == Column::verdict && !left.verdict;
    const bool missing_right = column == Column::verdict && !right.verdict;
    if (missing_left != missing_right) return missing_right;
    const std::string a = word_of(column, left);
    const std::string b = word_of(column, right);
    if (a != b) return reverse ? b < a : a < b;
    return left.path < right.path;
  }
  const auto a = left.value(column);
  const auto b = right.value(column);
  if (a.has_value() != b.has_value()) return a.has_value();
  if (a && *a != *b) return reverse ? *a < *b : *a > *b;
  return left.path < right.path;
}

}  // namespace cgwarden::cli::top
