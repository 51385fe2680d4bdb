#include <algorithm>
#include <cstring>
#include <optional>

#include "cgroup/cgroup_values.h"
#include "cgroup/sampled_files.h"
#include "cgroup/take_value.h"
#include "tests/fuzz/fuzz_target.h"

using cgwarden::fuzz::require;

namespace {

void check_pressure(const std::optional<cgwarden::cgroup::Pressure>& pressure) {
  if (!pressure) return;
  require(pressure->some && pressure->full, "both lines or none");
  for (const auto* line : {&*pressure->some, &*pressure->full}) {
    for (const double average : {line->avg10, line->avg60, line->avg300}) {
      require(average >= 0 && average < 101, "an average is in percent");
    }
  }
}

}  // namespace

// Two records after each other, of the same cgroup.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cgwarden::cgroup;
  Sample sample;
  std::optional<CpuStat> before;
  for (std::size_t record = 0; record < 2; ++record) {
    CgroupValues values{};
    if (size > 0) std::memcpy(&values, data, std::min(size, sizeof values));
    data += std::min(size, sizeof values);
    size -= std::min(size, sizeof values);
    for (std::size_t file = 0; file < kSampledFiles; ++file) {
      if (take_value(values, file, sample)) require(values.files != 0, "what is taken was offered");
    }
    check_pressure(sample.cpu_pressure);
    check_pressure(sample.memory_pressure);
    check_pressure(sample.io_pressure);
    if (!sample.cpu_stat) continue;
    const CpuStat& now = *sample.cpu_stat;
    const std::uint64_t sum = *now.user_usec + *now.system_usec;
    if (before && *before->user_usec + *before->system_usec <= sum) {
      require(*now.user_usec >= *before->user_usec, "user time does not fall");
      require(*now.system_usec >= *before->system_usec, "system time does not fall");
    }
    before = now;
  }
  return 0;
}
