#include "cgroup/perf_record.h"
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cgwarden;
  const auto body = std::as_bytes(std::span(data, size));
  // The offsets of 6.1 and 6.12.
  const cgroup::SignalLayout layout{.event = 1,
                                    .task = {4, 4},
                                    .signal = {8, 4},
                                    .code = {16, 4},
                                    .comm = {20, 16},
                                    .target = {36, 4},
                                    .group = {40, 4},
                                    .result = {44, 4}};
  for (const bool with_cgroup : {false, true}) {
    const auto event = cgroup::parse_sample(layout, body, with_cgroup);
    if (!event) continue;
    fuzz::require(event->target > 0 && event->signal > 0 && event->sender >= 0, "real processes");
    fuzz::require(event->target_comm.size() <= 16, "a comm is short");
    fuzz::require(with_cgroup || !event->sender_cgroup, "a cgroup only where it was asked for");
  }
  if (const auto name = cgroup::parse_comm(body)) {
    fuzz::require(name->pid > 0 && name->comm.size() <= 16, "a name is of a process");
  }
  return 0;
}
