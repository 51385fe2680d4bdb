#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "base/ipv4.h"

namespace cgwarden {

enum class PortProtocol { tcp, udp };

// A port of the host that leads to one of a workload: "127.0.0.1:8080:80/tcp".
struct PublishedPort {
  std::optional<Ipv4Address> host_address;  // absent: every address of the host
  std::uint16_t host_port = 0;              // 1 to 65535
  std::uint16_t port = 0;                   // 1 to 65535, in the workload
  PortProtocol protocol = PortProtocol::tcp;
  bool operator==(const PublishedPort&) const = default;

  // Both cannot be published at the same time.
  [[nodiscard]] bool clashes(const PublishedPort& other) const;
};

// [ADDRESS:]HOST_PORT:PORT[/tcp|/udp]. The error says what is wrong with the text, without the
// text. 0.0.0.0 is every address.
[[nodiscard]] std::expected<PublishedPort, std::string> parse_published_port(std::string_view text);

[[nodiscard]] std::string_view to_string(PortProtocol protocol);
[[nodiscard]] std::string to_string(const PublishedPort& port);
// The host's side alone: "127.0.0.1:8080/tcp", "8080/tcp".
[[nodiscard]] std::string host_side(const PublishedPort& port);

}  // namespace cgwarden
