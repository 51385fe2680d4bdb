#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.h"

namespace cgwarden {

struct ListenIpv4 {
  in_addr host{};
  std::uint16_t port = 0;
};
struct ListenIpv6 {
  in6_addr host{};
  std::uint16_t port = 0;
};
// All addresses of the machine, IPv6 and IPv4.
struct ListenAny {
  std::uint16_t port = 0;
};
struct ListenUnix {
  std::string path;
};
using ListenAddress = std::variant<ListenAny, ListenIpv4, ListenIpv6, ListenUnix>;

// "127.0.0.1:9753", "[::1]:9753", ":9753", "unix:/path" (absolute, at most 107 bytes). Host names
// are not resolved. invalid otherwise.
[[nodiscard]] Result<ListenAddress> parse_listen_address(std::string_view text);

}  // namespace cgwarden
