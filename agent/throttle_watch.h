#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "cgroup/samples.h"
#include "cgroup/snapshot.h"
#include "diagnosis/evidence.h"
#include "diagnosis/verdict.h"

namespace cgwarden::agent {

// Follows cpu.stat of each workload and of the cgroups above it over a sliding window and gives a
// verdict while it is throttled, by its own cpu.max or, if that is not it, by the nearest above;
// one with `over` when it is not any more. Pure but for its memory.
class ThrottleWatch {
 public:
  // Long enough for 150 periods of 100 ms, short enough to be "now".
  static constexpr Usec kWindow{15'000'000};
  // A stall that lasts is reported again this often; its row in the store is updated.
  static constexpr Usec kReportInterval{5'000'000};

  // A new incarnation, or an end.
  void forget(const std::string& workload);
  // One tick of the workload whose payload cgroup is `payload`. The verdict's `from` stays that of
  // the stall's beginning as long as it lasts.
  [[nodiscard]] std::optional<diagnosis::Verdict> observe(const std::string& workload,
                                                          unsigned incarnation,
                                                          const cgroup::Snapshot& snapshot,
                                                          std::string_view payload);

 private:
  struct Level {
    CgroupId id;
    cgroup::CpuStat cpu_stat;
  };
  struct Moment {
    TimePoint at;
    std::vector<Level> levels;  // payload first
    cgroup::Count waited_usec;  // the payload's cpu.pressure `some`
  };
  struct Track {
    CgroupId id;
    std::deque<Moment> window;
    std::optional<Moment> stall_start;
    std::string stalled_by;  // the cgroup whose cpu.max it is
    std::optional<Usec> last_report;
    std::optional<diagnosis::Verdict> newest;
  };
  using Chain = std::vector<const cgroup::Sample*>;
  static std::optional<diagnosis::Verdict> judge(const diagnosis::ThrottleEvidence& whose,
                                                 const Chain& chain, std::size_t level,
                                                 const Moment& before, const Moment& after);
  static std::optional<diagnosis::Verdict> ended(Track& track);

  std::map<std::string, Track> tracks_;
};

}  // namespace cgwarden::agent
