#include "cgroup/format.h"
#include "tests/fuzz/control_file_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cgwarden;
  const auto parse = [](std::string_view text) { return cgroup::parse_memory_events(text); };
  fuzz::check_scan(data, size, cgroup::scan_memory_events, parse);
  return fuzz::check_parser(data, size, parse);
}
