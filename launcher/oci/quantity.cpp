#include "launcher/oci/quantity.h"

#include <array>
#include <cctype>
#include <limits>
#include <string_view>
#include <utility>

#include "base/text.h"

namespace cgwarden::launcher::oci {
namespace {

constexpr std::array<std::pair<std::string_view, std::uint64_t>, 5> kTimeUnits{
    {{"us", 1}, {"ms", 1000}, {"s", 1'000'000}, {"m", 60'000'000}, {"h", 3'600'000'000}}};

// The number and the unit that `text` begins with; both are cut off.
std::optional<std::uint64_t> take_term(std::string_view& text) {
  const std::size_t digits = text.find_first_not_of("0123456789");
  if (digits == 0 || digits == std::string_view::npos) return std::nullopt;
  const auto number = parse_integer<std::uint64_t>(text.substr(0, digits));
  text.remove_prefix(digits);
  const std::string_view unit = text.substr(0, text.find_first_of("0123456789"));
  text.remove_prefix(unit.size());
  for (const auto& [name, factor] : kTimeUnits) {
    if (unit != name || !number) continue;
    if (*number > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
    return *number * factor;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::uint64_t> duration_usec(const std::string& text) {
  std::string_view rest = text;
  std::uint64_t total = 0;
  do {
    const auto term = take_term(rest);
    if (!term) return std::nullopt;
    total += *term;
  } while (!rest.empty());
  return total;
}

std::optional<std::int64_t> byte_count(const std::string& text) {
  if (text == "-1") return -1;
  const std::size_t digits = text.find_first_not_of("0123456789");
  const auto number = parse_integer<std::int64_t>(std::string_view(text).substr(0, digits));
  if (!number) return std::nullopt;
  if (digits == std::string::npos) return number;
  std::string unit = text.substr(digits);
  for (char& c : unit) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (unit == "b") return number;
  const std::size_t power = std::string_view("kmgtp").find(unit.front());
  if (power == std::string_view::npos) return std::nullopt;
  if (unit.size() > 1 && unit.substr(1) != "b" && unit.substr(1) != "ib") return std::nullopt;
  const unsigned shift = 10U * (static_cast<unsigned>(power) + 1U);
  if (*number > (std::numeric_limits<std::int64_t>::max() >> shift)) return std::nullopt;
  return *number << shift;
}

}  // namespace cgwarden::launcher::oci
