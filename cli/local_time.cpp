#include "cli/local_time.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <utility>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"

namespace cgwarden::cli {
namespace {

constexpr std::uint64_t kUsecOfSecond = 1'000'000;

std::time_t seconds_of(Usec wall) { return static_cast<std::time_t>(wall.count() / kUsecOfSecond); }

void set_zone(const char* zone) {
  if (zone == nullptr) {
    ::unsetenv("TZ");
  } else {
    ::setenv("TZ", zone, 1);
  }
  ::tzset();
}

// The process is in another zone for as long as this lives.
class InZone {
 public:
  explicit InZone(const std::string& name) {
    if (const char* before = std::getenv("TZ")) before_ = before;
    set_zone((":" + name).c_str());
  }
  InZone(const InZone&) = delete;
  InZone& operator=(const InZone&) = delete;
  ~InZone() { set_zone(before_ ? before_->c_str() : nullptr); }

 private:
  std::optional<std::string> before_;
};

// A name of the time zone database: its file is there, and is a zone.
bool is_zone(std::string_view name) {
  constexpr std::size_t kNameBytes = 64;
  // The largest is a few KiB.
  constexpr std::size_t kZoneBytes = 256U << 10U;
  const bool fits = !name.empty() && name.size() <= kNameBytes && name.front() >= 'A' &&
                    name.front() <= 'Z' && std::ranges::all_of(name, [](char c) {
                      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                             (c >= '0' && c <= '9') || c == '/' || c == '_' || c == '-' || c == '+';
                    });
  if (!fits) return false;
  const char* database = std::getenv("TZDIR");
  const auto file =
      read_file((database != nullptr ? std::string(database) : "/usr/share/zoneinfo") + "/" +
                    std::string(name),
                kZoneBytes);
  return file && file->starts_with("TZif");
}

struct Zone {
  std::optional<long> offset_seconds;  // absent: that of the process
};

// Exactly `digits` digits at the start of `text`, which lets go of them.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
  const auto number =
      text.size() < digits ? std::nullopt : parse_integer<unsigned>(text.substr(0, digits));
  if (!number) return std::nullopt;
  text.remove_prefix(digits);
  return static_cast<int>(*number);
}

bool take_char(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

struct TimeOfDay {
  int hour = 0;
  int minute = 0;
  int second = 0;
  std::uint64_t usec = 0;
};

// "12:00", "12:00:00", "12:00:00.25"
std::optional<TimeOfDay> parse_time_of_day(std::string_view text) {
  TimeOfDay clock;
  const auto hour = take_number(text, 2);
  if (!hour || !take_char(text, ':')) return std::nullopt;
  const auto minute = take_number(text, 2);
  if (!minute || *hour > 23 || *minute > 59) return std::nullopt;
  clock.hour = *hour;
  clock.minute = *minute;
  if (text.empty()) return clock;
  if (!take_char(text, ':')) return std::nullopt;
  const auto second = take_number(text, 2);
  if (!second || *second > 59) return std::nullopt;
  clock.second = *second;
  if (text.empty()) return clock;
  constexpr std::size_t kUsecDigits = 6;
  if (!take_char(text, '.') || text.empty() || text.size() > kUsecDigits) return std::nullopt;
  std::string fraction(text);
  fraction.resize(kUsecDigits, '0');
  const auto usec = parse_integer<std::uint64_t>(fraction);
  if (!usec) return std::nullopt;
  clock.usec = *usec;
  return clock;
}

std::optional<std::tm> parse_day(std::string_view text) {
  const auto year = take_number(text, 4);
  if (!year || !take_char(text, '-')) return std::nullopt;
  const auto month = take_number(text, 2);
  if (!month || !take_char(text, '-')) return std::nullopt;
  const auto day = take_number(text, 2);
  if (!day || !text.empty()) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  std::tm parts{};
  parts.tm_year = *year - 1900;
  parts.tm_mon = *month - 1;
  parts.tm_mday = *day;
  return parts;
}

std::tm parts_of(Usec wall, const Zone& zone) {
  std::time_t seconds = seconds_of(wall);
  std::tm parts{};
  if (zone.offset_seconds) {
    seconds += *zone.offset_seconds;
    ::gmtime_r(&seconds, &parts);
  } else {
    ::localtime_r(&seconds, &parts);
  }
  return parts;
}

// "today", "yesterday", "tomorrow" as days from now.
std::optional<std::tm> named_day(std::string_view word, Usec now, const Zone& zone) {
  static constexpr std::array<std::pair<std::string_view, int>, 3> kDays{
      {{"yesterday", -1}, {"today", 0}, {"tomorrow", 1}}};
  const auto* const found =
      std::ranges::find(kDays, word, &std::pair<std::string_view, int>::first);
  if (found == kDays.end()) return std::nullopt;
  std::tm parts = parts_of(now, zone);
  parts.tm_mday += found->second;  // mktime(3) makes a day of it that there is
  return parts;
}

std::optional<Usec> wall_of(std::tm parts, const TimeOfDay& clock, const Zone& zone) {
  parts.tm_hour = clock.hour;
  parts.tm_min = clock.minute;
  parts.tm_sec = clock.second;
  parts.tm_isdst = -1;
  std::time_t seconds = 0;
  if (zone.offset_seconds) {
    seconds = ::timegm(&parts) - *zone.offset_seconds;
  } else {
    seconds = ::mktime(&parts);
  }
  if (seconds < 0) return std::nullopt;
  return Usec(static_cast<std::uint64_t>(seconds) * kUsecOfSecond + clock.usec);
}

std::optional<Usec> time_in(std::string_view text, Usec now, const Zone& zone) {
  std::string_view day = text;
  std::string_view clock;
  // The T of RFC 3339 stands where a day ends, and "today" and "tomorrow" have none that is great.
  if (const std::size_t at = text.find_first_of(" T"); at != std::string_view::npos) {
    day = text.substr(0, at);
    clock = trim(text.substr(at + 1));
    if (clock.empty()) return std::nullopt;
  }
  if (clock.empty()) {
    if (const auto alone = parse_time_of_day(day))
      return wall_of(parts_of(now, zone), *alone, zone);
  }
  auto parts = parse_day(day);
  if (!parts) parts = named_day(day, now, zone);
  const auto of_day = clock.empty() ? TimeOfDay{} : parse_time_of_day(clock);
  if (!parts || !of_day) return std::nullopt;
  return wall_of(*parts, *of_day, zone);
}

// "+01:00", "-0530" at the end of `text`, which must follow a time: a "-" is also in a day.
std::optional<long> take_offset(std::string_view& text) {
  const std::size_t at = text.find_last_of("+-");
  if (at == std::string_view::npos || text.substr(0, at).find(':') == std::string_view::npos) {
    return std::nullopt;
  }
  std::string_view digits = text.substr(at + 1);
  const auto hours = take_number(digits, 2);
  if (digits.size() == 3) take_char(digits, ':');
  const auto minutes = take_number(digits, 2);
  constexpr int kMostHours = 14;
  if (!hours || !minutes || !digits.empty() || *hours > kMostHours || *minutes > 59) {
    return std::nullopt;
  }
  const long seconds = (*hours * 60L + *minutes) * 60L;
  const bool west = text[at] == '-';
  text = trim(text.substr(0, at));
  return west ? -seconds : seconds;
}

}  // namespace

std::string wall_text(Usec wall) {
  const std::tm parts = parts_of(wall, {});
  if (parts.tm_gmtoff == 0 && std::string_view(parts.tm_zone) == "UTC") {
    return format_wall_utc(wall);
  }
  std::array<char, 40> text{};
  std::string shown(text.data(),
                    std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S %z", &parts));
  shown.insert(shown.size() - 2, ":");
  return shown;
}

void use_utc() { set_zone("UTC0"); }

std::optional<Usec> calendar_time(std::string_view text, Usec now) {
  text = trim(text);
  if (const auto offset = take_offset(text)) return time_in(text, now, {*offset});
  const std::size_t at = text.rfind(' ');
  const std::string_view last =
      at == std::string_view::npos ? std::string_view() : text.substr(at + 1);
  const std::string_view before = trim(text.substr(0, std::min(at, text.size())));
  if (last == "UTC") return time_in(before, now, {0});
  if (text.size() > 10 && text[10] == 'T' && text.ends_with('Z')) {
    text.remove_suffix(1);
    return time_in(text, now, {0});
  }
  if (!is_zone(last)) return time_in(text, now, {});
  const InZone zone{std::string(last)};
  return time_in(before, now, {});
}

}  // namespace cgwarden::cli
