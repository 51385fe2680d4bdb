// An entry of the seccomp cache: no bytes may crash, and a program that is taken ends in every case
// and is written again as it was read.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "launcher/seccomp_cache.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cgwarden::launcher;
  constexpr std::string_view kKey = "key";
  const std::string_view entry(reinterpret_cast<const char*>(data), size);
  const auto program = parse_cache_entry(entry, kKey);
  if (!program) return 0;
  if (!is_complete_program(*program) || to_cache_entry(kKey, *program) != entry) std::abort();
  return 0;
}
