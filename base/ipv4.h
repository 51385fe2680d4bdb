#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cgwarden {

// An IPv4 address as a number: 10.0.0.1 is 0x0a000001.
struct Ipv4Address {
  std::uint32_t number = 0;
  auto operator<=>(const Ipv4Address&) const = default;
};

// "10.77.0.0/16". `base` has no bit set below the prefix.
struct Ipv4Subnet {
  Ipv4Address base;
  unsigned prefix = 32;  // 0 to 32
  bool operator==(const Ipv4Subnet&) const = default;

  [[nodiscard]] std::uint32_t mask() const;
  [[nodiscard]] Ipv4Address broadcast() const;
  [[nodiscard]] bool contains(Ipv4Address address) const;
  [[nodiscard]] bool overlaps(const Ipv4Subnet& other) const;
};

// Four decimal numbers with dots, no leading zeros (inet_pton(3)).
[[nodiscard]] std::optional<Ipv4Address> parse_ipv4(std::string_view text);
// ADDRESS/PREFIX; an address with bits below the prefix is none.
[[nodiscard]] std::optional<Ipv4Subnet> parse_ipv4_subnet(std::string_view text);

[[nodiscard]] std::string to_string(Ipv4Address address);
[[nodiscard]] std::string to_string(const Ipv4Subnet& subnet);

}  // namespace cgwarden
