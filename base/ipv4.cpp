#include "base/ipv4.h"

#include <arpa/inet.h>

#include "base/text.h"

namespace cgwarden {

std::uint32_t Ipv4Subnet::mask() const { return prefix == 0 ? 0U : ~0U << (32U - prefix); }

Ipv4Address Ipv4Subnet::broadcast() const { return {base.number | ~mask()}; }

bool Ipv4Subnet::contains(Ipv4Address address) const {
  return (address.number & mask()) == base.number;
}

bool Ipv4Subnet::overlaps(const Ipv4Subnet& other) const {
  return contains(other.base) || other.contains(base);
}

std::optional<Ipv4Address> parse_ipv4(std::string_view text) {
  in_addr address{};
  if (text.find('\0') != std::string_view::npos) return std::nullopt;
  if (::inet_pton(AF_INET, std::string(text).c_str(), &address) != 1) return std::nullopt;
  return Ipv4Address{ntohl(address.s_addr)};
}

std::optional<Ipv4Subnet> parse_ipv4_subnet(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto address = parse_ipv4(text.substr(0, slash));
  const auto prefix = parse_integer<unsigned>(text.substr(slash + 1));
  if (!address || !prefix || *prefix > 32) return std::nullopt;
  const Ipv4Subnet subnet{*address, *prefix};
  if (!subnet.contains(*address)) return std::nullopt;
  return subnet;
}

std::string to_string(Ipv4Address address) {
  std::string text;
  for (const unsigned shift : {24U, 16U, 8U, 0U}) {
    if (!text.empty()) text += '.';
    text += std::to_string((address.number >> shift) & 0xffU);
  }
  return text;
}

std::string to_string(const Ipv4Subnet& subnet) {
  return to_string(subnet.base) + "/" + std::to_string(subnet.prefix);
}

}  // namespace cgwarden
