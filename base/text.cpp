#include "base/text.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace cgwarden {
namespace {

struct CodePoints {
  char32_t first;
  char32_t last;
};
// General categories Cc, Cf, Zl and Zp of Unicode 15.1, the tags of plane 14 as a whole.
constexpr std::array kUnseen{
    CodePoints{0x0000, 0x001F},   CodePoints{0x007F, 0x009F},   CodePoints{0x00AD, 0x00AD},
    CodePoints{0x0600, 0x0605},   CodePoints{0x061C, 0x061C},   CodePoints{0x06DD, 0x06DD},
    CodePoints{0x070F, 0x070F},   CodePoints{0x0890, 0x0891},   CodePoints{0x08E2, 0x08E2},
    CodePoints{0x180E, 0x180E},   CodePoints{0x200B, 0x200F},   CodePoints{0x2028, 0x202E},
    CodePoints{0x2060, 0x206F},   CodePoints{0xFEFF, 0xFEFF},   CodePoints{0xFFF9, 0xFFFB},
    CodePoints{0x110BD, 0x110BD}, CodePoints{0x110CD, 0x110CD}, CodePoints{0x13430, 0x1343F},
    CodePoints{0x1BCA0, 0x1BCA3}, CodePoints{0x1D173, 0x1D17A}, CodePoints{0xE0000, 0xE007F}};

// Of a sequence that utf8_length() accepted.
char32_t code_point(std::string_view sequence) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(sequence[i]); };
  if (sequence.size() == 1) return byte(0);
  char32_t value = byte(0) & (0xFFU >> (sequence.size() + 1));
  for (std::size_t i = 1; i < sequence.size(); ++i) value = (value << 6U) | (byte(i) & 0x3FU);
  return value;
}

bool is_seen(std::string_view sequence) {
  const char32_t value = code_point(sequence);
  return std::ranges::none_of(
      kUnseen, [&](const auto& range) { return value >= range.first && value <= range.last; });
}

}  // namespace

std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t first = byte(0);
  if (first < 0x80) return 1;
  std::size_t length = 0;
  std::uint8_t low = 0x80;
  std::uint8_t high = 0xBF;
  if (first >= 0xC2 && first <= 0xDF) {
    length = 2;
  } else if (first >= 0xE0 && first <= 0xEF) {
    length = 3;
    if (first == 0xE0) low = 0xA0;
    if (first == 0xED) high = 0x9F;
  } else if (first >= 0xF0 && first <= 0xF4) {
    length = 4;
    if (first == 0xF0) low = 0x90;
    if (first == 0xF4) high = 0x8F;
  } else {
    return 0;
  }
  if (text.size() < length || byte(1) < low || byte(1) > high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  return length;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> pieces;
  for (;;) {
    const std::size_t at = text.find(separator);
    pieces.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return pieces;
    text.remove_prefix(at + 1);
  }
}

std::string_view trim(std::string_view text) {
  static constexpr std::string_view kBlank = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::string printable(std::string_view text) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const std::string_view sequence = text.substr(0, std::max<std::size_t>(length, 1));
    text.remove_prefix(sequence.size());
    if (length > 0 && is_seen(sequence)) {
      out += sequence;
      continue;
    }
    for (const char each : sequence) {
      const auto byte = static_cast<std::uint8_t>(each);
      out += "\\x";
      out += kHex[byte >> 4U];
      out += kHex[byte & 0xFU];
    }
  }
  return out;
}

}  // namespace cgwarden
