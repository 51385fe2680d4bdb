#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace cgwarden::exporters {

struct BasicUser {
  std::string name;
  std::string password;
};

// Of the value of an Authorization header of the Basic scheme (RFC 7617), whose name has no case.
// nullopt: another scheme, not base64 (RFC 4648 section 4, padded), no colon, or a control
// character, which the RFC forbids and of which a NUL would hide what follows it.
[[nodiscard]] std::optional<BasicUser> parse_basic(std::string_view authorization);

}  // namespace cgwarden::exporters
