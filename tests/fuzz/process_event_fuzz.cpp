#include "cgroup/process_connector.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cgwarden;
  const auto exit = cgroup::parse_process_event(std::as_bytes(std::span(data, size)));
  if (!exit) return 0;
  fuzz::require(exit->pid > 0 && exit->thread > 0, "a process and its thread have pids");
  fuzz::require(exit->parent >= 0, "a parent has a pid, or none is known");
  fuzz::require(exit->status >= 0 && exit->status <= 0xFFFF, "a wait status has 16 bits");
  return 0;
}
