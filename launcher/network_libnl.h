#pragma once

#include <netlink/addr.h>
#include <netlink/cache.h>
#include <netlink/errno.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/route.h>

#include <memory>
#include <string>

#include "launcher/launch_step.h"

// Owners of libnl's objects.
namespace cgwarden::launcher {

template <auto Release>
struct Releaser {
  template <typename T>
  void operator()(T* object) const {
    Release(object);
  }
};
using LinkObject = std::unique_ptr<rtnl_link, Releaser<rtnl_link_put>>;
using RouteObject = std::unique_ptr<rtnl_route, Releaser<rtnl_route_put>>;
using AddressObject = std::unique_ptr<rtnl_addr, Releaser<rtnl_addr_put>>;
using AbstractAddress = std::unique_ptr<nl_addr, Releaser<nl_addr_put>>;
using CacheObject = std::unique_ptr<nl_cache, Releaser<nl_cache_free>>;

// `code`: a negative NLE_* number.
[[nodiscard]] inline std::unexpected<LaunchError> netlink_failed(int code, std::string text) {
  text += std::string(": ") + nl_geterror(code);
  if (code == -NLE_PERM) text += " (CAP_NET_ADMIN of the namespace is needed: be root)";
  return refused("network", std::move(text));
}

}  // namespace cgwarden::launcher
