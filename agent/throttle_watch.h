#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>

#include "base/clock.h"
#include "cgroup/samples.h"
#include "diagnosis/evidence.h"
#include "diagnosis/verdict.h"

namespace cgwarden::agent {

// Follows cpu.stat of each workload over a sliding window and gives a verdict while it is
// throttled. Pure but for its memory.
class ThrottleWatch {
 public:
  // Long enough for 150 periods of 100 ms, short enough to be "now".
  static constexpr Usec kWindow{15'000'000};
  // A stall that lasts is reported again this often; its row in the store is updated.
  static constexpr Usec kReportInterval{5'000'000};

  // A new incarnation, or an end.
  void forget(const std::string& workload);
  // One sample of the payload cgroup. The verdict's `from` stays that of the stall's beginning as
  // long as it lasts.
  [[nodiscard]] std::optional<diagnosis::Verdict> observe(const std::string& workload,
                                                          unsigned incarnation, TimePoint now,
                                                          const cgroup::Sample& payload);

 private:
  struct Moment {
    TimePoint at;
    cgroup::CpuStat cpu_stat;
  };
  struct Track {
    CgroupId id;
    std::deque<Moment> window;
    std::optional<Moment> stall_start;
    std::optional<Usec> last_report;
  };
  std::map<std::string, Track> tracks_;
};

}  // namespace cgwarden::agent
