#include <array>
#include <charconv>
#include <optional>

#include "base/text.h"
#include "cgroup/format.h"

namespace cgwarden::cgroup {
namespace {

struct Average {
  std::string_view key;
  double PressureLine::* member;
};

// kernel/sched/psi.c psi_show. All three and `total` stand on every line.
constexpr std::array kAverages{
    Average{"avg10", &PressureLine::avg10},
    Average{"avg60", &PressureLine::avg60},
    Average{"avg300", &PressureLine::avg300},
};

// Digits, a point and digits: from_chars alone would take "inf", "-1" and "1e9" as well.
std::optional<double> parse_percent(std::string_view text) {
  const std::size_t point = text.find('.');
  if (point == 0 || point == std::string_view::npos || point + 1 == text.size()) {
    return std::nullopt;
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i != point && (text[i] < '0' || text[i] > '9')) return std::nullopt;
  }
  double value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<PressureLine> parse_line(const std::vector<NestedPair>& pairs) {
  PressureLine line;
  std::size_t found = 0;
  for (const NestedPair& pair : pairs) {
    for (const Average& row : kAverages) {
      if (row.key != pair.key) continue;
      const auto value = parse_percent(pair.value);
      if (!value) return std::nullopt;
      line.*row.member = *value;
      ++found;
    }
    if (pair.key == "total") {
      const auto value = parse_integer<std::uint64_t>(pair.value);
      if (!value) return std::nullopt;
      line.total_usec = *value;
      ++found;
    }
  }
  // The members are plain numbers, so a line that lacks one would read as 0.
  if (found != kAverages.size() + 1) return std::nullopt;
  return line;
}

}  // namespace

Result<Pressure> parse_pressure(std::string_view text, std::string_view where) {
  Pressure pressure;
  CGW_TRY(parse_nested_keyed(text, where,
                             [&](std::string_view key, const std::vector<NestedPair>& pairs) {
                               if (key != "some" && key != "full") return true;
                               const auto line = parse_line(pairs);
                               (key == "some" ? pressure.some : pressure.full) = line;
                               return line.has_value();
                             }));
  return pressure;
}

}  // namespace cgwarden::cgroup
