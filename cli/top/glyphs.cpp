#include "cli/top/glyphs.h"

#include <fmt/format.h>

#include <algorithm>
#include <clocale>
#include <cmath>
#include <cwchar>
#include <string>

#include "base/text.h"

namespace cgwarden::cli::top {
namespace {

// wcwidth(3) asks the locale of the thread; what is a character must not depend on the user's.
class Utf8Locale {
 public:
  Utf8Locale() : before_(::uselocale(locale())) {}
  ~Utf8Locale() { ::uselocale(before_); }
  Utf8Locale(const Utf8Locale&) = delete;
  Utf8Locale& operator=(const Utf8Locale&) = delete;

 private:
  // Part of the C library itself, and there as long as the program.
  static locale_t locale() {
    static const locale_t kLocale = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    return kLocale;
  }
  locale_t before_;
};

// `text` begins with a valid sequence of `length` bytes.
char32_t decode(std::string_view text, std::size_t length) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (length == 1) return byte(0);
  char32_t symbol = byte(0) & (0x7FU >> length);
  for (std::size_t i = 1; i < length; ++i) symbol = (symbol << 6) | (byte(i) & 0x3FU);
  return symbol;
}

void append(std::u32string& out, std::string_view ascii) {
  for (const char c : ascii) out += static_cast<char32_t>(static_cast<unsigned char>(c));
}

bool is_plain_ascii(char32_t symbol) { return symbol >= 0x20 && symbol < 0x7F; }

}  // namespace

unsigned width_of(char32_t symbol) {
  if (symbol < 0x80) return is_plain_ascii(symbol) ? 1 : 0;
  const Utf8Locale utf8;
  const int width = ::wcwidth(static_cast<wchar_t>(symbol));
  return width > 0 ? static_cast<unsigned>(width) : 0;
}

std::u32string glyphs(std::string_view text, bool unicode) {
  std::u32string out;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) {
      append(out, fmt::format("\\x{:02x}", static_cast<unsigned char>(text[0])));
      text.remove_prefix(1);
      continue;
    }
    const char32_t symbol = decode(text, length);
    text.remove_prefix(length);
    if (is_plain_ascii(symbol) || (unicode && width_of(symbol) > 0)) {
      out += symbol;
    } else if (symbol < 0x80) {
      append(out, fmt::format("\\x{:02x}", static_cast<unsigned>(symbol)));
    } else {
      append(out, fmt::format("\\u{{{:x}}}", static_cast<unsigned>(symbol)));
    }
  }
  return out;
}

std::size_t cells_of(std::u32string_view text) {
  std::size_t cells = 0;
  for (const char32_t symbol : text) cells += width_of(symbol);
  return cells;
}

std::string to_utf8(std::u32string_view text) {
  std::string out;
  const auto tail = [&out](char32_t symbol, unsigned shift) {
    out += static_cast<char>(0x80U | ((symbol >> shift) & 0x3FU));
  };
  for (const char32_t symbol : text) {
    if (symbol < 0x80) {
      out += static_cast<char>(symbol);
    } else if (symbol < 0x800) {
      out += static_cast<char>(0xC0U | (symbol >> 6));
      tail(symbol, 0);
    } else if (symbol < 0x10000) {
      out += static_cast<char>(0xE0U | (symbol >> 12));
      tail(symbol, 6);
      tail(symbol, 0);
    } else {
      out += static_cast<char>(0xF0U | (symbol >> 18));
      tail(symbol, 12);
      tail(symbol, 6);
      tail(symbol, 0);
    }
  }
  return out;
}

char32_t bar(double share, bool unicode) {
  static constexpr std::u32string_view kBlocks =
      U"\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588";
  static constexpr std::u32string_view kAscii = U"_.-=+*%#";
  const double steps = std::clamp(share, 0.0, 1.0) * 7;
  const auto step = static_cast<std::size_t>(std::lround(steps));
  return (unicode ? kBlocks : kAscii).at(step);
}

}  // namespace cgwarden::cli::top
