// What passes between the runtime and cgwarden-scope, and the annotations that end up in it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "launcher/scope_request.h"
#include "launcher/systemd_version.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cgwarden::launcher;
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (const auto request = parse_scope_request(text)) {
    const auto again = parse_scope_request(to_json(*request));
    if (!again || *again != *request) std::abort();
  }
  if (const auto answer = parse_scope_answer(text)) {
    if (!parse_scope_answer(to_json(*answer))) std::abort();
  }
  const auto properties = unit_properties(
      std::map<std::string, std::string>{{"org.systemd.property.TimeoutStopSec", text}});
  if (properties && properties->size() != 1) std::abort();
  const auto rounded = with_whole_percents({{"cpu.max", text}});
  if (with_whole_percents(rounded).front().value != rounded.front().value) std::abort();
  if (systemd_version("252." + text) != 252U) std::abort();
  if (const auto mask = cpu_mask(text); mask && (mask->empty() || mask->back() == 0)) std::abort();
  return 0;
}
