#include "cli/since.h"

#include <array>
#include <cctype>
#include <ctime>
#include <optional>
#include <string_view>

#include "base/text.h"
#include "policy/values.h"

namespace cgwarden::cli {
namespace {

constexpr Usec kSecond{1'000'000};
constexpr Usec kDay = kSecond * 24U * 3600U;

// systemd.time(7), without months and years: their lengths are averages.
std::optional<Usec> unit_called(std::string_view word) {
  struct Unit {
    std::string_view words;  // each between blanks
    Usec length;
  };
  static constexpr std::array<Unit, 6> kUnits{{
      {" ms msec ", Usec{1000}},
      {" s sec second seconds ", kSecond},
      {" m min minute minutes ", kSecond * 60U},
      {" h hr hour hours ", kSecond * 3600U},
      {" d day days ", kDay},
      {" w week weeks ", kDay * 7U},
  }};
  if (word.empty()) return std::nullopt;
  for (const Unit& unit : kUnits) {
    if (unit.words.contains(" " + std::string(word) + " ")) return unit.length;
  }
  return std::nullopt;
}

// Takes what `wanted` says yes to off the front of the text.
template <typename Wanted>
std::string_view take_while(std::string_view& text, const Wanted& wanted) {
  std::size_t length = 0;
  while (length < text.size() && wanted(static_cast<unsigned char>(text[length]))) ++length;
  const std::string_view taken = text.substr(0, length);
  text.remove_prefix(length);
  return taken;
}

// "1h 30min", "1.5h", "10 minutes".
std::optional<Usec> parse_span(std::string_view text) {
  Usec sum{0};
  if (trim(text).empty()) return std::nullopt;
  while (!(text = trim(text)).empty()) {
    const auto number =
        take_while(text, [](unsigned char c) { return std::isdigit(c) != 0 || c == '.'; });
    text = trim(text);
    const auto unit =
        unit_called(take_while(text, [](unsigned char c) { return std::isalpha(c) != 0; }));
    // Of seconds, so that "1.5" is exact; at most 10 years of whatever unit.
    const auto count = policy::parse_duration(std::string(number) + "s");
    if (!unit || !count) return std::nullopt;
    const auto length =
        static_cast<long double>(count->count()) * static_cast<long double>(unit->count()) / 1e6L;
    if (length > 1e16L) return std::nullopt;
    sum += Usec(static_cast<std::uint64_t>(length));
  }
  return sum;
}

// The last "03:12" or "03:12:30" that was.
std::optional<Usec> parse_time_of_day(const std::string& text, Usec now) {
  for (const auto* form : {"%H:%M:%S", "%H:%M"}) {
    std::tm parts{};
    const char* end = ::strptime(text.c_str(), form, &parts);
    if (end == nullptr || *end != '\0') continue;
    const auto seconds =
        static_cast<std::uint64_t>((parts.tm_hour * 3600) + (parts.tm_min * 60) + parts.tm_sec);
    const Usec today = now - now % kDay;
    const Usec then = today + kSecond * seconds;
    return then <= now || today < kDay ? then : then - kDay;
  }
  return std::nullopt;
}

}  // namespace

Result<Usec> parse_moment(const std::string& text, Usec now) {
  std::string_view span = trim(text);
  const Usec today = now - now % kDay;
  if (span == "now") return now;
  if (span == "today") return today;
  if (span == "yesterday") return today < kDay ? today : today - kDay;
  std::string wanted(span);
  if (span.ends_with(" ago")) span.remove_suffix(4);
  if (span.starts_with('-')) span.remove_prefix(1);
  if (const auto ago = parse_span(span)) return *ago < now ? now - *ago : Usec{0};
  if (wanted.ends_with(" UTC")) wanted.resize(wanted.size() - 4);
  if (const auto time = parse_time_of_day(wanted, now)) return *time;
  if (auto date = parse_since(wanted, now)) return date;
  return fail(Error::invalid("go to", "the time " + printable(text),
                             "write how long ago (10m ago), a time (03:12) or when "
                             "(2026-01-31 12:00:00), in UTC"));
}

Result<Usec> parse_since(const std::string& text, Usec now) {
  if (const auto ago = policy::parse_duration(text)) return *ago < now ? now - *ago : Usec{0};
  std::string wanted = text;
  if (wanted.ends_with(" UTC")) wanted.resize(wanted.size() - 4);
  for (const auto* form : {"%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"}) {
    std::tm parts{};
    const char* end = ::strptime(wanted.c_str(), form, &parts);
    if (end == nullptr || *end != '\0') continue;
    const std::time_t seconds = ::timegm(&parts);
    if (seconds >= 0) return Usec(static_cast<std::uint64_t>(seconds) * 1000000U);
  }
  return fail(Error::invalid("use", "--since " + printable(text),
                             "write how long ago (10min) or when (2026-01-31 12:00:00, UTC)"));
}

}  // namespace cgwarden::cli
