#include "base/published_port.h"

#include <algorithm>
#include <vector>

#include "base/text.h"

namespace cgwarden {
namespace {

std::optional<std::uint16_t> parse_port(std::string_view text) {
  if (text.starts_with('0')) return std::nullopt;
  return parse_integer<std::uint16_t>(text);
}

}  // namespace

bool PublishedPort::clashes(const PublishedPort& other) const {
  return protocol == other.protocol && host_port == other.host_port &&
         (!host_address || !other.host_address || *host_address == *other.host_address);
}

std::expected<PublishedPort, std::string> parse_published_port(std::string_view text) {
  PublishedPort port;
  const std::size_t slash = text.find('/');
  if (slash != std::string_view::npos) {
    const std::string_view protocol = text.substr(slash + 1);
    if (protocol != "tcp" && protocol != "udp") {
      return std::unexpected("the protocol must be tcp or udp");
    }
    if (protocol == "udp") port.protocol = PortProtocol::udp;
  }
  const bool doubled =
      text.find("::") != std::string_view::npos && std::ranges::count(text, ':') > 2;
  if (doubled || text.find('[') != std::string_view::npos) {
    return std::unexpected("ports are published on IPv4 addresses only, not on IPv6");
  }
  std::vector<std::string_view> parts = split(text.substr(0, slash), ':');
  if (parts.size() < 2 || parts.size() > 3) {
    return std::unexpected("it is not [ADDRESS:]HOST_PORT:PORT[/tcp|/udp]");
  }
  if (parts.size() == 3) {
    const auto address = parse_ipv4(parts.front());
    if (!address) return std::unexpected("the host's address is not an IPv4 address");
    if (address->number != 0) port.host_address = *address;
    parts.erase(parts.begin());
  }
  const auto host = parse_port(parts[0]);
  const auto inside = parse_port(parts[1]);
  if (!host || !inside) return std::unexpected("a port is a number from 1 to 65535");
  port.host_port = *host;
  port.port = *inside;
  return port;
}

std::string_view to_string(PortProtocol protocol) {
  return protocol == PortProtocol::tcp ? "tcp" : "udp";
}

std::string to_string(const PublishedPort& port) {
  std::string text;
  if (port.host_address) text = to_string(*port.host_address) + ":";
  return text + std::to_string(port.host_port) + ":" + std::to_string(port.port) + "/" +
         std::string(to_string(port.protocol));
}

std::string host_side(const PublishedPort& port) {
  std::string text;
  if (port.host_address) text = to_string(*port.host_address) + ":";
  return text + std::to_string(port.host_port) + "/" + std::string(to_string(port.protocol));
}

}  // namespace cgwarden
