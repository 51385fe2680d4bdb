#include "cli/since.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/text.h"
#include "cli/local_time.h"
#include "policy/values.h"

namespace cgwarden::cli {
namespace {

constexpr std::uint64_t kSecond = 1'000'000;
constexpr std::uint64_t kDay = 86'400 * kSecond;
// Ten years, as everywhere.
constexpr std::uint64_t kMostSpan = 3660 * kDay;

struct Unit {
  std::string_view name;
  std::uint64_t usec;
};
// systemd.time(7); "m" is its minute.
constexpr std::array kUnits{
    Unit{"us", 1},
    Unit{"usec", 1},
    Unit{"ms", 1000},
    Unit{"msec", 1000},
    Unit{"s", kSecond},
    Unit{"sec", kSecond},
    Unit{"second", kSecond},
    Unit{"seconds", kSecond},
    Unit{"m", 60 * kSecond},
    Unit{"min", 60 * kSecond},
    Unit{"minute", 60 * kSecond},
    Unit{"minutes", 60 * kSecond},
    Unit{"h", 3600 * kSecond},
    Unit{"hr", 3600 * kSecond},
    Unit{"hour", 3600 * kSecond},
    Unit{"hours", 3600 * kSecond},
    Unit{"d", kDay},
    Unit{"day", kDay},
    Unit{"days", kDay},
    Unit{"w", 7 * kDay},
    Unit{"week", 7 * kDay},
    Unit{"weeks", 7 * kDay},
};

// "2h 30min", "90s", "1d12h".
std::optional<Usec> parse_span(std::string_view text) {
  std::uint64_t total = 0;
  text = trim(text);
  if (text.empty()) return std::nullopt;
  while (!text.empty()) {
    const std::size_t digits = text.find_first_not_of("0123456789");
    if (digits == 0 || digits == std::string_view::npos) return std::nullopt;
    const auto number = parse_integer<std::uint64_t>(text.substr(0, digits));
    text = trim(text.substr(digits));
    const std::size_t letters = text.find_first_not_of("abcdefghijklmnopqrstuvwxyz");
    const std::string_view name = text.substr(0, letters);
    const auto* const unit = std::ranges::find(kUnits, name, &Unit::name);
    if (!number || unit == kUnits.end() || *number > kMostSpan / unit->usec) return std::nullopt;
    total += *number * unit->usec;
    if (total > kMostSpan) return std::nullopt;
    text = letters == std::string_view::npos ? "" : trim(text.substr(letters));
  }
  return Usec(total);
}

std::optional<Usec> ago(std::string_view text, Usec now) {
  if (text.starts_with('-')) {
    text.remove_prefix(1);
  } else if (text.ends_with(" ago")) {
    text.remove_suffix(4);
  }
  auto span = parse_span(text);
  if (!span) {
    const auto single = policy::parse_duration(text);
    if (!single) return std::nullopt;
    span = *single;
  }
  return *span < now ? now - *span : Usec{0};
}

std::optional<Usec> named(std::string_view text, Usec now) {
  if (text == "now") return now;
  if (!text.starts_with('@')) return std::nullopt;
  const auto seconds = parse_integer<std::uint64_t>(text.substr(1));
  if (!seconds || *seconds >= UINT64_MAX / kSecond) return std::nullopt;
  return Usec(*seconds * kSecond);
}

}  // namespace

Result<Usec> parse_since(const std::string& text, Usec now, const char* option) {
  if (const auto time = named(text, now)) return *time;
  if (const auto time = ago(text, now)) return *time;
  if (const auto time = calendar_time(text, now)) return *time;
  return fail(
      Error::invalid("use", std::string(option) + " " + printable(text),
                     "there is no such time; write how long ago (10min), or when (yesterday "
                     "14:00, 2026-01-31 12:00, 2026-01-31 12:00 UTC)"));
}

}  // namespace cgwarden::cli
