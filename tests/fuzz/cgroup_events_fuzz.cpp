#include "cgroup/format.h"
#include "tests/fuzz/control_file_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cgwarden;
  fuzz::check_scan(data, size, cgroup::scan_cgroup_events, cgroup::parse_cgroup_events);
  return fuzz::check_parser(data, size, cgroup::parse_cgroup_events);
}
