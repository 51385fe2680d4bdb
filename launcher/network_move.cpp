// Netlink: an interface and its addresses on their way to another network namespace.
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netlink/netlink.h>

#include "launcher/network_libnl.h"
#include "launcher/network_netlink.h"

namespace cgwarden::launcher {

class Netlink::Addresses {
 public:
  std::vector<AddressObject> list;
};

Step Netlink::move(const Link& link, int fd, const std::string& name) const {
  const LinkObject now(rtnl_link_alloc());
  const LinkObject change(rtnl_link_alloc());
  rtnl_link_set_ifindex(now.get(), static_cast<int>(link.index));
  rtnl_link_set_ifindex(change.get(), static_cast<int>(link.index));
  // Both in one request: under its old name it could clash there.
  rtnl_link_set_name(change.get(), name.c_str());
  rtnl_link_set_ns_fd(change.get(), fd);
  const int code = rtnl_link_change(socket_.get(), now.get(), change.get(), 0);
  if (code < 0) return netlink_failed(code, "the interface " + link.name + " cannot be moved");
  return {};
}

StepResult<std::shared_ptr<Netlink::Addresses>> Netlink::permanent_addresses(
    const Link& link) const {
  nl_cache* cache = nullptr;
  const int code = rtnl_addr_alloc_cache(socket_.get(), &cache);
  if (code < 0) return netlink_failed(code, "the addresses of " + link.name + " cannot be listed");
  const CacheObject owner(cache);
  auto found = std::make_shared<Addresses>();
  for (nl_object* at = nl_cache_get_first(cache); at != nullptr; at = nl_cache_get_next(at)) {
    auto* address = reinterpret_cast<rtnl_addr*>(at);
    if (rtnl_addr_get_ifindex(address) != static_cast<int>(link.index) ||
        rtnl_addr_get_scope(address) != RT_SCOPE_UNIVERSE ||
        (rtnl_addr_get_flags(address) & IFA_F_PERMANENT) == 0) {
      continue;
    }
    found->list.emplace_back(reinterpret_cast<rtnl_addr*>(nl_object_clone(at)));
  }
  return found;
}

Step Netlink::restore(const Addresses& addresses, const Link& link) const {
  for (const auto& address : addresses.list) {
    rtnl_addr_set_ifindex(address.get(), static_cast<int>(link.index));
    rtnl_addr_set_label(address.get(), link.name.c_str());
    const int code = rtnl_addr_add(socket_.get(), address.get(), 0);
    if (code < 0 && code != -NLE_EXIST) {
      return netlink_failed(code, "an address of " + link.name + " cannot be kept");
    }
  }
  return {};
}

}  // namespace cgwarden::launcher
