#include <array>
#include <charconv>
#include <optional>

#include "base/text.h"
#include "cgroup/format.h"
#include "cgroup/scan.h"

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

// Takes a number of decimal digits off `text`: how many, 0 when it begins with none.
std::size_t take_digits(std::string_view& text, std::uint64_t& value) {
  std::size_t count = 0;
  while (count < text.size() && text[count] >= '0' && text[count] <= '9') {
    value = value * 10 + static_cast<std::uint64_t>(text[count] - '0');
    ++count;
  }
  text.remove_prefix(count);
  return count;
}

bool take(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

// "12.34" as the nearest double: digits and scale are exact below 2^53, so one division rounds
// once, as from_chars does.
bool take_percent(std::string_view& text, double& out) {
  constexpr std::size_t kExactDigits = 15;
  std::uint64_t value = 0;
  const std::size_t whole = take_digits(text, value);
  if (whole == 0 || whole + 2 > kExactDigits || !take(text, ".")) return false;
  if (take_digits(text, value) != 2) return false;
  out = static_cast<double>(value) / 100;
  return true;
}

// " avg10=0.00 avg60=0.00 avg300=0.00 total=0\n", as psi_show prints it.
bool take_line(std::string_view& text, PressureLine& line) {
  constexpr std::size_t kDigitsThatFit = 19;
  std::uint64_t total = 0;
  const bool averages = take(text, " avg10=") && take_percent(text, line.avg10) &&
                        take(text, " avg60=") && take_percent(text, line.avg60) &&
                        take(text, " avg300=") && take_percent(text, line.avg300);
  if (!averages || !take(text, " total=")) return false;
  const std::size_t digits = take_digits(text, total);
  line.total_usec = total;
  return digits > 0 && digits <= kDigitsThatFit && take(text, "\n");
}

}  // namespace

bool scan_pressure(std::string_view text, Pressure& out) {
  out = Pressure{};
  if (take(text, "some") && !take_line(text, out.some.emplace())) return false;
  if (take(text, "full") && !take_line(text, out.full.emplace())) return false;
  return text.empty();
}

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
