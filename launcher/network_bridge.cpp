#include "launcher/network_bridge.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/file.h"
#include "base/text.h"
#include "launcher/network_netlink.h"
#include "launcher/network_nftables.h"
#include "launcher/network_probe.h"
#include "launcher/network_ruleset.h"

namespace cgwarden::launcher {
namespace {

constexpr unsigned kDefaultMtu = 1500;
constexpr const char* kInterface = "eth0";

// FNV-1a: which state directory a bridge belongs to, in its hardware address, which unlike an
// alias is there from the first moment.
std::uint32_t hash(const std::string& text) {
  std::uint32_t value = 2166136261U;
  for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 16777619U;
  return value;
}

// Locally administered. That of a workload follows from its IP address, so that neighbours' ARP
// entries stay true when the address passes to another workload.
HardwareAddress hardware_from(std::uint8_t kind, std::uint32_t number) {
  return {0x0e,
          kind,
          static_cast<std::uint8_t>(number >> 24U),
          static_cast<std::uint8_t>(number >> 16U),
          static_cast<std::uint8_t>(number >> 8U),
          static_cast<std::uint8_t>(number)};
}
HardwareAddress bridge_hardware(const Network& network) {
  return hardware_from(0x01, hash(network.state_dir));
}

std::string veth_name(Ipv4Address address) {
  std::array<char, 16> name{};
  std::snprintf(name.data(), name.size(), "cgw%08x", address.number);
  return name.data();
}

Step refuse_foreign(const Network& network, const Link& link) {
  if (link.kind == "bridge" && link.hardware == bridge_hardware(network)) return {};
  return refused("network", "the interface " + network.bridge +
                                " exists and is not the bridge of this agent (" +
                                network.state_dir + "); remove it (ip link delete " +
                                network.bridge + ") or choose another name with --network-bridge");
}

Step refuse_overlap(const Netlink& host, const Network& network, unsigned own_link) {
  CGW_ASSIGN(const auto routes, host.routes());
  for (const auto& route : routes) {
    if (route.destination.prefix == 0 || route.link == own_link ||
        !route.destination.overlaps(network.subnet)) {
      continue;
    }
    return refused("network", "the subnet " + to_string(network.subnet) + " of " + network.bridge +
                                  " overlaps the route to " + to_string(route.destination) +
                                  "; choose another with --network-subnet");
  }
  return {};
}

StepResult<unsigned> mtu_for(const Netlink& host, const Network& network) {
  if (network.mtu != 0) return network.mtu;
  CGW_ASSIGN(const auto routes, host.routes());
  const auto outward = std::ranges::find_if(
      routes, [](const Route& route) { return route.destination.prefix == 0; });
  if (outward == routes.end()) return kDefaultMtu;
  CGW_ASSIGN(const auto links, host.links());
  const auto link = std::ranges::find(links, outward->link, &Link::index);
  return link == links.end() ? kDefaultMtu : link->mtu;
}

Step write_sysctl(const std::string& path, std::string_view value) {
  const auto file = open_at(AT_FDCWD, path, O_WRONLY);
  const Status written = file ? write_all(file->get(), value, path) : Status(fail(file.error()));
  if (!written) return refused("network", written.error().sentence());
  return {};
}

// Only when it is off; it stays on, because others may rely on it by then.
Step forward_packets() {
  const std::string path = "/proc/sys/net/ipv4/ip_forward";
  const auto now = read_file(path, 64);
  if (now && trim(*now) == "1") return {};
  CGW_TRY(write_sysctl(path, "1"));
  ::syslog(LOG_NOTICE, "set net.ipv4.ip_forward to 1: bridged workloads need it");
  return {};
}

StepResult<Link> ensure_bridge(const Netlink& host, const Network& network) {
  CGW_ASSIGN(auto link, host.find(network.bridge));
  if (link) CGW_TRY(refuse_foreign(network, *link));
  CGW_TRY(refuse_overlap(host, network, link ? link->index : 0));
  if (!link) {
    CGW_ASSIGN(const unsigned mtu, mtu_for(host, network));
    CGW_TRY(host.add_bridge(network.bridge, mtu, bridge_hardware(network)));
    CGW_ASSIGN(link, host.find(network.bridge));
    if (!link) return refused("network", "the bridge " + network.bridge + " went away");
  }
  CGW_TRY(host.add_address(*link, gateway_of(network.subnet), network.subnet.prefix));
  CGW_TRY(host.bring_up(*link));
  // For published ports from 127.0.0.1; the table guards what it opens.
  CGW_TRY(write_sysctl("/proc/sys/net/ipv4/conf/" + network.bridge + "/route_localnet", "1"));
  CGW_TRY(forward_packets());
  return *link;
}

Step connect_namespace(const Netlink& host, const Link& bridge, const Lease& lease) {
  const std::string path = "/proc/" + std::to_string(lease.inhabitant.pid) + "/ns/net";
  const UniqueFd inside(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!inside.valid()) return failed("network", path);
  const std::string name = veth_name(lease.address);
  CGW_TRY(host.remove(name));
  CGW_TRY(host.add_veth({.name = name,
                         .master = bridge.index,
                         .mtu = bridge.mtu,
                         .peer = kInterface,
                         .peer_hardware = hardware_from(0x02, lease.address.number),
                         .peer_namespace = inside.get()}));
  CGW_ASSIGN(const auto outer, host.find(name));
  if (!outer) return refused("network", name + " went away");
  CGW_TRY(host.bring_up(*outer));
  CGW_ASSIGN(const Netlink container, Netlink::open_in(inside.get()));
  CGW_ASSIGN(const auto link, container.find(kInterface));
  if (!link) return refused("network", std::string(kInterface) + " went away");
  CGW_TRY(container.add_address(*link, lease.address, lease.network.subnet.prefix));
  CGW_TRY(container.bring_up(*link));
  return container.add_default_route(*link, gateway_of(lease.network.subnet));
}

StepResult<Lease> make_lease(LeaseBook& book, const NetworkRequest& request) {
  const Network& network = request.network;
  for (const auto& other : book.leases()) {
    if (other.network.bridge == network.bridge && other.network.subnet != network.subnet) {
      return refused("network", "the bridge " + network.bridge + " has workloads in " +
                                    to_string(other.network.subnet) +
                                    "; stop them before --network-subnet changes to " +
                                    to_string(network.subnet));
    }
  }
  if (const auto clash = find_clash(network.ports, book.leases())) {
    return refused("network", "the port " + host_side(clash->port) +
                                  " is published by the workload " + clash->holder);
  }
  for (const auto& port : network.ports) CGW_TRY(refuse_port_in_use(port));
  const auto address = free_address(network.subnet, book.leases());
  if (!address) {
    return refused("network", "the subnet " + to_string(network.subnet) + " of " + network.bridge +
                                  " has no free address; stop a workload or choose a larger one "
                                  "with --network-subnet");
  }
  const Lease lease{.name = request.name,
                    .network = network,
                    .holder = request.holder,
                    .inhabitant = request.inhabitant,
                    .address = *address,
                    .cni_config = {},
                    .cni_result = {}};
  CGW_TRY(book.keep(lease));
  return lease;
}

Step make_all(LeaseBook& book, const Lease& lease) {
  CGW_ASSIGN(const Netlink host, Netlink::open());
  CGW_ASSIGN(const Link bridge, ensure_bridge(host, lease.network));
  CGW_TRY(connect_namespace(host, bridge, lease));
  return run_nftables(ruleset(lease.network.bridge, book.leases()));
}

}  // namespace

StepResult<NetworkAnswer> connect_to_bridge(LeaseBook& book, const NetworkRequest& request) {
  CGW_ASSIGN(const Lease lease, make_lease(book, request));
  if (Step made = make_all(book, lease); !made) {
    // The first failure is the one to tell; a lease that stays is swept later.
    (void)disconnect_from_bridge(book, lease);
    return std::unexpected(std::move(made).error());
  }
  NetworkAnswer answer;
  answer.address = to_string(lease.address) + "/" + std::to_string(lease.network.subnet.prefix);
  answer.gateway = to_string(gateway_of(lease.network.subnet));
  answer.interface = kInterface;
  return answer;
}

Step mend_bridge(const LeaseBook& book, const Lease& lease) {
  CGW_ASSIGN(const Netlink host, Netlink::open());
  CGW_TRY(ensure_bridge(host, lease.network));
  return run_nftables(ruleset(lease.network.bridge, book.leases()));
}

Step disconnect_from_bridge(LeaseBook& book, const Lease& lease) {
  const std::string bridge = lease.network.bridge;
  std::vector<Lease> rest = book.leases();
  std::erase_if(rest, [&](const Lease& other) { return other.name == lease.name; });
  const bool last = std::ranges::none_of(rest, [&](const Lease& other) {
    return other.network.mode == NetworkMode::bridge && other.network.bridge == bridge;
  });
  CGW_TRY(run_nftables(ruleset(bridge, rest)));
  CGW_ASSIGN(const Netlink host, Netlink::open());
  CGW_TRY(host.remove(veth_name(lease.address)));
  CGW_ASSIGN(const auto link, host.find(bridge));
  if (last && link && refuse_foreign(lease.network, *link)) CGW_TRY(host.remove(bridge));
  return book.erase(lease.name);
}

}  // namespace cgwarden::launcher
