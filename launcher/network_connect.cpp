#include "launcher/network_connect.h"

#include <syslog.h>
#include <unistd.h>

#include <set>

#include "launcher/cni_network.h"
#include "launcher/network_bridge.h"
#include "launcher/network_devices.h"

namespace cgwarden::launcher {
namespace {

Step disconnect(LeaseBook& book, const Lease& lease) {
  return lease.network.mode == NetworkMode::cni ? disconnect_from_cni(book, lease)
                                                : disconnect_from_bridge(book, lease);
}

// One that cannot be undone must not keep the others from it.
Step sweep(LeaseBook& book) {
  Step first;
  const std::vector<Lease> before = book.leases();
  for (const auto& lease : before) {
    if (!is_stale(lease)) continue;
    Step swept = disconnect(book, lease);
    if (swept) continue;
    ::syslog(LOG_WARNING, "the network of %s is not cleared away: %s", lease.name.c_str(),
             swept.error().text.c_str());
    if (first) first = std::move(swept);
  }
  return first;
}

// What others may have taken away while the workloads run: `nft flush ruleset` of a firewall, for
// example. Each that cannot be mended is a sentence.
std::vector<std::string> mend(const LeaseBook& book) {
  std::vector<std::string> broken;
  std::set<std::string> bridges;
  for (const auto& lease : book.leases()) {
    if (is_stale(lease)) continue;
    Step mended;
    if (lease.network.mode == NetworkMode::cni) {
      mended = check_cni(lease);
    } else if (bridges.insert(lease.network.bridge).second) {
      mended = mend_bridge(book, lease);
    }
    if (!mended) broken.push_back("the network of " + lease.name + ": " + mended.error().text);
  }
  return broken;
}

Step forget(LeaseBook& book, const std::string& name) {
  const Lease* found = book.find(name);
  if (found == nullptr) return {};
  const Lease lease = *found;
  return disconnect(book, lease);
}

}  // namespace

StepResult<NetworkAnswer> carry_out(const NetworkRequest& request) {
  if (request.verb == NetworkVerb::move) {
    CGW_TRY(move_devices(request.devices, request.network_namespace));
    return NetworkAnswer{};
  }
  const bool add = request.verb == NetworkVerb::add;
  if (add && ::geteuid() != 0) {
    return refused("network",
                   "bridge and CNI networks need root; use network: none, host or {path: ...}");
  }
  CGW_ASSIGN(LeaseBook book, LeaseBook::open(request.network.state_dir));
  const Step swept = sweep(book);
  if (request.verb == NetworkVerb::sweep) {
    if (!swept) return std::unexpected(swept.error());
    NetworkAnswer answer;
    answer.broken = mend(book);
    return answer;
  }
  CGW_TRY(forget(book, request.name));
  if (!add) return NetworkAnswer{};
  // Killed while we waited for the lock: nobody would ever ask for the removal.
  if (!is_alive(request.holder)) return refused("network", "who asked for the network is gone");
  return request.network.mode == NetworkMode::cni ? connect_to_cni(book, request)
                                                  : connect_to_bridge(book, request);
}

}  // namespace cgwarden::launcher
