#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ipv4.h"
#include "launcher/launch_step.h"

struct nl_sock;

namespace cgwarden::launcher {

using HardwareAddress = std::array<std::uint8_t, 6>;

struct Link {
  unsigned index = 0;
  std::string name;
  std::string kind;  // "bridge", "veth"; empty: a device
  unsigned mtu = 0;
  unsigned master = 0;  // index of its bridge; 0: none
  HardwareAddress hardware{};
};

struct Route {  // of the main table
  Ipv4Subnet destination;
  unsigned link = 0;
};

struct VethRequest {
  std::string name;
  unsigned master = 0;  // index of the bridge
  unsigned mtu = 0;
  std::string peer;  // its name in the namespace
  HardwareAddress peer_hardware{};
  int peer_namespace = -1;
};

// rtnetlink(7) of one network namespace: the one that was the caller's when this was made, whatever
// the caller enters later. Errors have stage "network" and name the interface.
class Netlink {
 public:
  [[nodiscard]] static StepResult<Netlink> open();
  // Of the namespace behind `fd`, the caller back in its own afterwards.
  [[nodiscard]] static StepResult<Netlink> open_in(int fd);

  [[nodiscard]] StepResult<std::optional<Link>> find(const std::string& name) const;
  [[nodiscard]] StepResult<std::vector<Link>> links() const;
  [[nodiscard]] StepResult<std::vector<Route>> routes() const;

  [[nodiscard]] Step add_bridge(const std::string& name, unsigned mtu,
                                const HardwareAddress& hardware) const;
  [[nodiscard]] Step add_veth(const VethRequest& request) const;
  // One that is not there is success.
  [[nodiscard]] Step remove(const std::string& name) const;
  [[nodiscard]] Step bring_up(const Link& link) const;
  // With its broadcast address; one that is there already is success.
  [[nodiscard]] Step add_address(const Link& link, Ipv4Address address, unsigned prefix) const;
  [[nodiscard]] Step add_default_route(const Link& link, Ipv4Address gateway) const;

  // Moves `link` into the namespace behind `fd` under the name `name`, which brings it down and
  // drops its addresses.
  [[nodiscard]] Step move(const Link& link, int fd, const std::string& name) const;
  // The permanent addresses of global scope, of either family, as opaque objects to be added with
  // restore() by the netlink of another namespace.
  class Addresses;
  [[nodiscard]] StepResult<std::shared_ptr<Addresses>> permanent_addresses(const Link& link) const;
  [[nodiscard]] Step restore(const Addresses& addresses, const Link& link) const;

 private:
  struct Close {
    void operator()(nl_sock* socket) const;
  };
  std::unique_ptr<nl_sock, Close> socket_;
};

}  // namespace cgwarden::launcher
