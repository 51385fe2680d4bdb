#pragma once

#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cgwarden {

// A whole decimal number with nothing before or after it; no sign, no space. nullopt when it is not
// one or does not fit.
template <typename Integer>
[[nodiscard]] std::optional<Integer> parse_integer(std::string_view text) {
  Integer value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Pieces between separators, empty pieces included: split("a,,b", ',') has three.
[[nodiscard]] std::vector<std::string_view> split(std::string_view text, char separator);

// Without leading and trailing blanks, tabs and line ends.
[[nodiscard]] std::string_view trim(std::string_view text);

// Length of the UTF-8 sequence (RFC 3629, no overlong forms) that a non-empty text begins with; 0
// when it begins with none.
[[nodiscard]] std::size_t utf8_length(std::string_view text);

// Control bytes, invalid UTF-8 and the bytes of what is not seen (Unicode's Cc, Cf, Zl and Zp: what
// turns the direction of text, joins, or has no width) shown as \xNN, so that hostile names can
// neither drive a terminal or a log nor look like others.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace cgwarden
