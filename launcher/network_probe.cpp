#include "launcher/network_probe.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

namespace cgwarden::launcher {

Step refuse_port_in_use(const PublishedPort& port) {
  const int type = port.protocol == PortProtocol::tcp ? SOCK_STREAM : SOCK_DGRAM;
  const UniqueFd socket(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return failed("network", "no socket to try the port " + host_side(port));
  const int on = 1;
  // Connections of an earlier run that linger in TIME_WAIT are no listener. For UDP it would let us
  // share the port.
  if (type == SOCK_STREAM) ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port.host_port);
  address.sin_addr.s_addr = htonl(port.host_address.value_or(Ipv4Address{0}).number);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
    return {};
  }
  if (errno == EADDRINUSE) {
    return failed("network", "the port " + host_side(port) +
                                 " is used by a program of the host (ss -lnp shows it)");
  }
  return failed("network", "the host's side of the port " + host_side(port));
}

}  // namespace cgwarden::launcher
