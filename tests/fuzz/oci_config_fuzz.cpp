// config.json: no input may crash, and what is accepted must survive being written and read again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "launcher/spec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cgwarden::launcher;
  const auto spec = parse_config(std::string(reinterpret_cast<const char*>(data), size), "fuzz");
  if (!spec) return 0;
  const std::string text = to_config(*spec);
  const auto again = parse_config(text, "fuzz");
  if (!again || to_config(*again) != text) std::abort();
  return 0;
}
