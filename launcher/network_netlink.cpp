#include "launcher/network_netlink.h"

#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/link/bridge.h>
#include <netlink/route/link/veth.h>
#include <netlink/socket.h>
#include <sched.h>

#include <algorithm>
#include <cerrno>

#include "launcher/network_libnl.h"

namespace cgwarden::launcher {
namespace {

AbstractAddress ipv4(Ipv4Address address, unsigned prefix) {
  const std::uint32_t bytes = htonl(address.number);
  AbstractAddress built(nl_addr_build(AF_INET, &bytes, sizeof(bytes)));
  nl_addr_set_prefixlen(built.get(), static_cast<int>(prefix));
  return built;
}

AbstractAddress hardware_address(const HardwareAddress& bytes) {
  return AbstractAddress(nl_addr_build(AF_LLC, bytes.data(), bytes.size()));
}

Link read_link(rtnl_link* object) {
  Link link;
  link.index = static_cast<unsigned>(rtnl_link_get_ifindex(object));
  if (const char* name = rtnl_link_get_name(object)) link.name = name;
  if (const char* kind = rtnl_link_get_type(object)) link.kind = kind;
  link.mtu = rtnl_link_get_mtu(object);
  link.master = static_cast<unsigned>(std::max(rtnl_link_get_master(object), 0));
  nl_addr* hardware = rtnl_link_get_addr(object);
  if (hardware != nullptr && nl_addr_get_len(hardware) == link.hardware.size()) {
    const auto* bytes = static_cast<const std::uint8_t*>(nl_addr_get_binary_addr(hardware));
    std::copy_n(bytes, link.hardware.size(), link.hardware.begin());
  }
  return link;
}

std::string missing_kind(int code, const char* kind) {
  if (code != -NLE_OPNOTSUPP) return {};
  return std::string(" (the kernel has no ") + kind + "; load the module " + kind + ")";
}

}  // namespace

void Netlink::Close::operator()(nl_sock* socket) const { nl_socket_free(socket); }

StepResult<Netlink> Netlink::open() {
  Netlink made;
  made.socket_.reset(nl_socket_alloc());
  const int code = made.socket_ ? nl_connect(made.socket_.get(), NETLINK_ROUTE) : -NLE_NOMEM;
  if (code < 0) return netlink_failed(code, "rtnetlink cannot be opened");
  ::fcntl(nl_socket_get_fd(made.socket_.get()), F_SETFD, FD_CLOEXEC);
  return made;
}

StepResult<Netlink> Netlink::open_in(int fd) {
  const UniqueFd own(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!own.valid()) return failed("network", "/proc/self/ns/net");
  if (::setns(fd, CLONE_NEWNET) != 0) {
    return failed("network", "the container's network namespace cannot be entered");
  }
  auto made = open();
  if (::setns(own.get(), CLONE_NEWNET) != 0) {
    return failed("network", "the host's network namespace cannot be entered again");
  }
  return made;
}

StepResult<std::optional<Link>> Netlink::find(const std::string& name) const {
  rtnl_link* found = nullptr;
  const int code = rtnl_link_get_kernel(socket_.get(), 0, name.c_str(), &found);
  if (code == -NLE_OBJ_NOTFOUND || code == -NLE_NODEV) return std::optional<Link>{};
  if (code < 0) return netlink_failed(code, "the interface " + name);
  const LinkObject owner(found);
  return std::optional<Link>(read_link(found));
}

StepResult<std::vector<Link>> Netlink::links() const {
  nl_cache* list = nullptr;
  const int code = rtnl_link_alloc_cache(socket_.get(), AF_UNSPEC, &list);
  if (code < 0) return netlink_failed(code, "the interfaces cannot be listed");
  const CacheObject owner(list);
  std::vector<Link> links;
  for (nl_object* at = nl_cache_get_first(list); at != nullptr; at = nl_cache_get_next(at)) {
    links.push_back(read_link(reinterpret_cast<rtnl_link*>(at)));
  }
  return links;
}

StepResult<std::vector<Route>> Netlink::routes() const {
  nl_cache* list = nullptr;
  const int code = rtnl_route_alloc_cache(socket_.get(), AF_INET, 0, &list);
  if (code < 0) return netlink_failed(code, "the routes cannot be listed");
  const CacheObject owner(list);
  std::vector<Route> routes;
  for (nl_object* at = nl_cache_get_first(list); at != nullptr; at = nl_cache_get_next(at)) {
    auto* route = reinterpret_cast<rtnl_route*>(at);
    nl_addr* destination = rtnl_route_get_dst(route);
    if (rtnl_route_get_table(route) != RT_TABLE_MAIN || rtnl_route_get_nnexthops(route) < 1 ||
        destination == nullptr) {
      continue;
    }
    Route item;
    // The default route has a destination without bytes.
    if (nl_addr_get_len(destination) == sizeof(std::uint32_t)) {
      const auto* bytes = static_cast<const std::uint8_t*>(nl_addr_get_binary_addr(destination));
      for (unsigned i = 0; i < 4; ++i) {
        item.destination.base.number = (item.destination.base.number << 8U) | bytes[i];
      }
    }
    item.destination.prefix = nl_addr_get_prefixlen(destination);
    item.link = static_cast<unsigned>(
        std::max(rtnl_route_nh_get_ifindex(rtnl_route_nexthop_n(route, 0)), 0));
    routes.push_back(item);
  }
  return routes;
}

Step Netlink::add_bridge(const std::string& name, unsigned mtu,
                         const HardwareAddress& hardware) const {
  const LinkObject link(rtnl_link_bridge_alloc());
  const AbstractAddress address = hardware_address(hardware);
  rtnl_link_set_name(link.get(), name.c_str());
  rtnl_link_set_mtu(link.get(), mtu);
  rtnl_link_set_addr(link.get(), address.get());
  const int code = rtnl_link_add(socket_.get(), link.get(), NLM_F_CREATE | NLM_F_EXCL);
  if (code < 0) {
    return netlink_failed(code,
                          "the bridge " + name + " cannot be made" + missing_kind(code, "bridge"));
  }
  return {};
}

Step Netlink::add_veth(const VethRequest& request) const {
  const LinkObject link(rtnl_link_veth_alloc());
  const LinkObject peer(rtnl_link_veth_get_peer(link.get()));
  const AbstractAddress address = hardware_address(request.peer_hardware);
  rtnl_link_set_name(link.get(), request.name.c_str());
  rtnl_link_set_mtu(link.get(), request.mtu);
  rtnl_link_set_master(link.get(), static_cast<int>(request.master));
  rtnl_link_set_name(peer.get(), request.peer.c_str());
  rtnl_link_set_mtu(peer.get(), request.mtu);
  rtnl_link_set_addr(peer.get(), address.get());
  rtnl_link_set_ns_fd(peer.get(), request.peer_namespace);
  const int code = rtnl_link_add(socket_.get(), link.get(), NLM_F_CREATE | NLM_F_EXCL);
  if (code < 0) {
    return netlink_failed(
        code, "the veth pair " + request.name + " cannot be made" + missing_kind(code, "veth"));
  }
  return {};
}

Step Netlink::remove(const std::string& name) const {
  const LinkObject link(rtnl_link_alloc());
  rtnl_link_set_name(link.get(), name.c_str());
  const int code = rtnl_link_delete(socket_.get(), link.get());
  if (code == -NLE_OBJ_NOTFOUND || code == -NLE_NODEV || code >= 0) return {};
  return netlink_failed(code, "the interface " + name + " cannot be removed");
}

Step Netlink::bring_up(const Link& link) const {
  const LinkObject change(rtnl_link_alloc());
  rtnl_link_set_ifindex(change.get(), static_cast<int>(link.index));
  rtnl_link_set_flags(change.get(), IFF_UP);
  const int code = rtnl_link_change(socket_.get(), change.get(), change.get(), 0);
  if (code < 0) return netlink_failed(code, link.name + " cannot be brought up");
  return {};
}

Step Netlink::add_address(const Link& link, Ipv4Address address, unsigned prefix) const {
  const AddressObject object(rtnl_addr_alloc());
  const AbstractAddress local = ipv4(address, prefix);
  const Ipv4Subnet host{address, prefix};
  const AbstractAddress broadcast = ipv4(host.broadcast(), prefix);
  rtnl_addr_set_ifindex(object.get(), static_cast<int>(link.index));
  rtnl_addr_set_local(object.get(), local.get());
  rtnl_addr_set_broadcast(object.get(), broadcast.get());
  const int code = rtnl_addr_add(socket_.get(), object.get(), 0);
  if (code < 0 && code != -NLE_EXIST) {
    return netlink_failed(code, link.name + " cannot get the address " + to_string(address));
  }
  return {};
}

Step Netlink::add_default_route(const Link& link, Ipv4Address gateway) const {
  const RouteObject route(rtnl_route_alloc());
  const AbstractAddress everything = ipv4({0}, 0);
  const AbstractAddress via = ipv4(gateway, 32);
  rtnl_route_set_family(route.get(), AF_INET);
  rtnl_route_set_scope(route.get(), RT_SCOPE_UNIVERSE);
  rtnl_route_set_dst(route.get(), everything.get());
  rtnl_nexthop* hop = rtnl_route_nh_alloc();
  rtnl_route_nh_set_ifindex(hop, static_cast<int>(link.index));
  rtnl_route_nh_set_gateway(hop, via.get());
  rtnl_route_add_nexthop(route.get(), hop);  // takes it
  const int code = rtnl_route_add(socket_.get(), route.get(), NLM_F_EXCL);
  if (code < 0) {
    return netlink_failed(code, "the default route by " + to_string(gateway) + " cannot be added");
  }
  return {};
}

}  // namespace cgwarden::launcher
