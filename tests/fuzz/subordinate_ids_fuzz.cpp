// subuid(5) text, asked for the user "me" with the number 1000.
#include "agent/rootless.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cgwarden;
  const auto ids = agent::subordinate_ids(fuzz::text_of(data, size), "me", 1000);
  if (!ids) return 0;
  fuzz::require(ids->count > 0, "a range has ids");
  fuzz::require(ids->start + ids->count > ids->start, "a range ends before the last id");
  return 0;
}
