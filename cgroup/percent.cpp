#include "cgroup/percent.h"

#include "base/text.h"
#include "cgroup/grouped_format.h"
#include "cgroup/quote.h"

namespace cgwarden::cgroup {

std::optional<Percent> parse_hundredths(std::string_view text) {
  constexpr std::size_t kDecimals = 2;
  const std::size_t point = text.find('.');
  if (point == std::string_view::npos || text.size() != point + 1 + kDecimals) return std::nullopt;
  const auto whole = parse_integer<std::uint32_t>(text.substr(0, point));
  const auto decimals = parse_integer<std::uint8_t>(text.substr(point + 1));
  if (!whole || !decimals) return std::nullopt;
  return Percent{std::uint64_t{*whole} * 100 + *decimals};
}

// kernel/sched/core.c cpu_uclamp_print.
Result<LimitOf<Percent>> parse_percent_limit(std::string_view text, std::string_view where) {
  if (text == "max\n") return LimitOf<Percent>(Max{});
  const auto value =
      text.ends_with('\n') ? parse_hundredths(text.substr(0, text.size() - 1)) : std::nullopt;
  if (!value) return fail(malformed(where, quote(text) + " is neither a percentage nor max"));
  return LimitOf<Percent>(*value);
}

}  // namespace cgwarden::cgroup
