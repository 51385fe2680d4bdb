// Published ports, IPv4 addresses and subnets.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/published_port.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cgwarden;
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (const auto port = parse_published_port(text)) {
    const auto again = parse_published_port(to_string(*port));
    if (!again || *again != *port || !port->clashes(*again)) std::abort();
  }
  if (const auto address = parse_ipv4(text); address && to_string(*address) != text) std::abort();
  if (const auto subnet = parse_ipv4_subnet(text)) {
    if (parse_ipv4_subnet(to_string(*subnet)) != subnet) std::abort();
    if (!subnet->contains(subnet->base) || !subnet->contains(subnet->broadcast())) std::abort();
  }
  return 0;
}
