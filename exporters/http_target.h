#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace cgwarden::exporters {

// What a request is about (RFC 9112 section 3.2), without its query.
struct HttpTarget {
  std::string_view path;
  // Of the absolute form, where it stands for the Host header.
  std::optional<std::string_view> authority = {};
};

// The path of "/path" and of "http://host/path"; anything else as it is. Refers to `target`.
[[nodiscard]] HttpTarget http_target(std::string_view target);

// Decodes %XX in place (RFC 3986 section 2.1) and returns the new length, but for what is no two
// hexadecimal digits and for %00, which would end a C string in the middle: both stay.
std::size_t percent_decode(char* text);

}  // namespace cgwarden::exporters
