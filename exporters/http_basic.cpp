#include "exporters/http_basic.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "base/text.h"

namespace cgwarden::exporters {
namespace {

// -1: not of the alphabet.
int sextet(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  return c == '/' ? 63 : -1;
}

std::optional<std::string> base64_decoded(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && text.ends_with('=')) {
    text.remove_suffix(1);
    ++padding;
  }
  std::string out;
  out.reserve(text.size());  // no copy of a password stays behind
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const char c : text) {
    const int value = sextet(c);
    if (value < 0) return std::nullopt;
    bits = (bits << 6U) | static_cast<std::uint32_t>(value);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    out += static_cast<char>((bits >> held) & 0xFFU);
  }
  return out;
}

}  // namespace

std::optional<BasicUser> parse_basic(std::string_view authorization) {
  constexpr std::string_view kScheme = "basic ";
  const std::string_view text = trim(authorization);
  const bool basic =
      text.size() > kScheme.size() &&
      std::equal(kScheme.begin(), kScheme.end(), text.begin(), [](char wanted, char found) {
        return wanted == (found >= 'A' && found <= 'Z' ? static_cast<char>(found | 0x20) : found);
      });
  if (!basic) return std::nullopt;
  auto decoded = base64_decoded(trim(text.substr(kScheme.size())));
  if (!decoded) return std::nullopt;
  std::optional<BasicUser> user;
  const std::size_t colon = decoded->find(':');
  const bool control = std::ranges::any_of(
      *decoded, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  if (colon != std::string::npos && !control) {
    user = {decoded->substr(0, colon), decoded->substr(colon + 1)};
  }
  ::explicit_bzero(decoded->data(), decoded->size());
  return user;
}

}  // namespace cgwarden::exporters
