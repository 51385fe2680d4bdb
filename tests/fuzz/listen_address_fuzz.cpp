#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <variant>

#include "base/listen_address.h"

using namespace cgwarden;

// What is accepted must be usable: a unix path is absolute and fits sockaddr_un.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto address = parse_listen_address(text);
  if (!address) {
    if (address.error().kind != ErrorKind::invalid || address.error().sentence().empty()) {
      std::abort();
    }
    return 0;
  }
  if (const auto* local = std::get_if<ListenUnix>(&*address)) {
    const bool usable = local->path.starts_with('/') && local->path.size() <= 107 &&
                        local->path.find('\0') == std::string::npos;
    if (!usable) std::abort();
  }
  return 0;
}
