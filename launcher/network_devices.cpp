#include "launcher/network_devices.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <memory>
#include <set>
#include <string_view>
#include <vector>

#include "launcher/network_netlink.h"

namespace cgwarden::launcher {
namespace {

struct Move {
  Link link;         // on the host
  std::string name;  // in the container
};

struct Sides {
  UniqueFd host_namespace;
  UniqueFd container_namespace;
  Netlink host;
  Netlink container;
};

StepResult<UniqueFd> open_namespace(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return failed("network", path);
  return fd;
}

StepResult<Sides> open_sides(const std::string& network_namespace) {
  CGW_ASSIGN(UniqueFd own, open_namespace("/proc/self/ns/net"));
  CGW_ASSIGN(UniqueFd other, open_namespace(network_namespace));
  struct stat here{};
  struct stat there{};
  if (::fstat(own.get(), &here) != 0 || ::fstat(other.get(), &there) != 0) {
    return failed("network", "the network namespaces cannot be told apart");
  }
  if (here.st_ino == there.st_ino) {
    return refused("network", "linux.netDevices needs a network namespace that is not the host's");
  }
  CGW_ASSIGN(Netlink host, Netlink::open());
  CGW_ASSIGN(Netlink container, Netlink::open_in(other.get()));
  return Sides{std::move(own), std::move(other), std::move(host), std::move(container)};
}

// "net%d" is the first of net0, net1, ... that is free, as for the kernel (dev_alloc_name()).
StepResult<std::string> first_free(const Netlink& container, const std::string& name,
                                   const std::set<std::string>& planned) {
  constexpr std::string_view kNumber = "%d";
  const std::size_t at = name.find(kNumber);
  if (at == std::string::npos) return name;
  for (unsigned number = 0;; ++number) {
    std::string candidate = name;
    candidate.replace(at, kNumber.size(), std::to_string(number));
    CGW_ASSIGN(const auto taken, container.find(candidate));
    if (!taken && !planned.contains(candidate)) return candidate;
  }
}

StepResult<std::vector<Move>> plan_moves(const std::map<std::string, std::string>& devices,
                                         const Sides& sides) {
  std::vector<Move> moves;
  std::set<std::string> names;
  for (const auto& [device, wanted] : devices) {
    const std::string property = "linux.netDevices." + device;
    CGW_ASSIGN(const std::string name,
               first_free(sides.container, wanted.empty() ? device : wanted, names));
    CGW_ASSIGN(const auto link, sides.host.find(device));
    if (!link) return refused("network", property + ": the host has no such interface");
    if (device == "lo") return refused("network", property + ": lo cannot be moved");
    CGW_ASSIGN(const auto taken, sides.container.find(name));
    if (taken || !names.insert(name).second) {
      return refused("network", property + ": the container has an interface " + name + " already");
    }
    moves.push_back({*link, name});
  }
  return moves;
}

// From one side to the other, with its addresses, up.
Step carry(const Netlink& from, const Link& link, const Netlink& to, int to_namespace,
           const std::string& name) {
  CGW_ASSIGN(const auto addresses, from.permanent_addresses(link));
  CGW_TRY(from.move(link, to_namespace, name));
  CGW_ASSIGN(const auto arrived, to.find(name));
  if (!arrived) return refused("network", "the interface " + name + " did not arrive");
  CGW_TRY(to.restore(*addresses, *arrived));
  return to.bring_up(*arrived);
}

// The first failure is the one to tell.
void bring_back(const Sides& sides, const Move& move) {
  const auto link = sides.container.find(move.name);
  if (!link || !*link) return;
  (void)carry(sides.container, **link, sides.host, sides.host_namespace.get(), move.link.name);
}

}  // namespace

Step move_devices(const std::map<std::string, std::string>& devices,
                  const std::string& network_namespace) {
  CGW_ASSIGN(const Sides sides, open_sides(network_namespace));
  CGW_ASSIGN(const auto moves, plan_moves(devices, sides));
  for (std::size_t i = 0; i < moves.size(); ++i) {
    Step moved = carry(sides.host, moves[i].link, sides.container, sides.container_namespace.get(),
                       moves[i].name);
    if (moved) continue;
    for (std::size_t back = i + 1; back > 0; --back) bring_back(sides, moves[back - 1]);
    LaunchError error = std::move(moved).error();
    error.text = "linux.netDevices." + moves[i].link.name + ": " + error.text;
    return std::unexpected(std::move(error));
  }
  return {};
}

}  // namespace cgwarden::launcher
