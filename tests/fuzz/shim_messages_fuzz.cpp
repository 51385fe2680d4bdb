// Both messages of the control socket.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "launcher/state.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cgwarden::launcher;
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (const auto cgroup = parse_go_message(text)) {
    if (cgroup->empty() || cgroup->front() != '/') std::abort();
  }
  if (const auto reply = parse_shim_reply(text)) {
    if (!parse_shim_reply(to_json(*reply))) std::abort();
  }
  return 0;
}
