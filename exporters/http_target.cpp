#include "exporters/http_target.h"

#include <algorithm>

namespace cgwarden::exporters {
namespace {

bool starts_with_scheme(std::string_view target, std::string_view scheme) {
  return target.size() >= scheme.size() &&
         std::equal(scheme.begin(), scheme.end(), target.begin(), [](char wanted, char found) {
           return wanted ==
                  (found >= 'A' && found <= 'Z' ? static_cast<char>(found | 0x20) : found);
         });
}

// -1: it is none.
int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

HttpTarget http_target(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!starts_with_scheme(target, scheme)) continue;
    const std::string_view rest = target.substr(scheme.size());
    const std::size_t end = std::min(rest.find('/'), rest.size());
    if (end == 0) return {target};  // no host
    const std::string_view path = rest.substr(end);
    return {path.empty() ? std::string_view("/") : path, rest.substr(0, end)};
  }
  return {target};
}

std::size_t percent_decode(char* text) {
  const char* from = text;
  char* to = text;
  while (*from != '\0') {
    const int high = *from == '%' ? hex_digit(from[1]) : -1;
    const int low = high >= 0 ? hex_digit(from[2]) : -1;
    if (low >= 0 && high + low > 0) {
      *to++ = static_cast<char>(high * 16 + low);
      from += 3;
    } else {
      *to++ = *from++;
    }
  }
  *to = '\0';
  return static_cast<std::size_t>(to - text);
}

}  // namespace cgwarden::exporters
