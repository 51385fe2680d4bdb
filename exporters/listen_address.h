#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/result.h"
#include "base/unique_fd.h"

namespace cgwarden::exporters {

struct Ipv4Address {
  in_addr host{};
  std::uint16_t port = 0;
};
struct Ipv6Address {
  in6_addr host{};
  std::uint16_t port = 0;
};
// All addresses of the machine, IPv6 and IPv4.
struct AnyAddress {
  std::uint16_t port = 0;
};
struct UnixAddress {
  std::string path;
};
using ListenAddress = std::variant<AnyAddress, Ipv4Address, Ipv6Address, UnixAddress>;

// "127.0.0.1:9753", "[::1]:9753", ":9753", "unix:/path" (absolute, at most 107 bytes). Host names
// are not resolved. invalid otherwise.
[[nodiscard]] Result<ListenAddress> parse_listen_address(std::string_view text);

// A listening stream socket, its port, and for a unix socket the file it owns.
class Listener {
 public:
  // `text` names the address in errors. busy: in use. A unix socket gets mode 0660; a file left
  // there by a process that ended is replaced, one that answers is busy.
  [[nodiscard]] static Result<Listener> open(const ListenAddress& address, const std::string& text);
  ~Listener();
  Listener(Listener&& other) noexcept
      : socket_(std::move(other.socket_)),
        port_(other.port_),
        file_(std::exchange(other.file_, {})) {}
  Listener& operator=(Listener&&) = delete;

  // 0 for a unix socket.
  [[nodiscard]] std::uint16_t port() const { return port_; }
  // Gives the socket away; a unix socket's file stays owned.
  [[nodiscard]] int release_socket() { return socket_.release(); }

 private:
  Listener(UniqueFd socket, std::uint16_t port, std::string file)
      : socket_(std::move(socket)), port_(port), file_(std::move(file)) {}

  UniqueFd socket_;
  std::uint16_t port_ = 0;
  std::string file_;  // unlinked at the end; empty for none
};

}  // namespace cgwarden::exporters
