#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>

#include "policy/adapt/cpu_inputs.h"
#include "policy/simulation/cpu_setting.h"

namespace cgwarden::policy::adapt {

struct CpuTargets {
  double throttled_ratio = 0.1;  // of the periods, 0 to 1: what is put up with
  // After a backlog, what was needed is forgotten by half in this time. 0: at once.
  Usec hold{180'000'000};
  double floor_cores = 0.01;  // 0.01: the 1 ms below which the kernel takes no quota
  double ceiling_cores = 1;
  Usec period{100000};
  // No raise while more of the node's CPUs is busy, 0 to 1.
  double node_busy = 0.95;
  // Share of the time in which something waited that counts as a backlog where anything was
  // throttled.
  double pressure = 0.6;
  bool operator==(const CpuTargets&) const = default;
};

enum class CpuReason : std::uint8_t {
  steady,       // neither too much throttling nor too much unused
  waiting,      // a change is wanted, but the last write is less than a second ago
  throttled,    // raised: over three times the target in the last second
  backlog,      // raised at once: most periods since the last look were throttled
  rolled_back,  // raised: the last lowering was too much
  unused,       // lowered: less would have done in the last seconds
  node_busy,    // not raised: the node has no CPU to give
  at_ceiling,
};
[[nodiscard]] std::string_view to_string(CpuReason reason);

// With all that it was made from, so that it can be stored and explained.
struct CpuDecision {
  std::optional<simulation::CpuSetting> write;
  CpuReason reason = CpuReason::steady;
  CpuInputs inputs;
  double before_cores = 0;
  double after_cores = 0;
  double throttled_ratio = 0;  // since the last decision
  double enough_cores = 0;     // would have kept the last seconds unthrottled
  double held_cores = 0;       // what was needed in the last backlogs, as far as remembered
  double margin = 0;           // standard deviations of usage on top of that
};

// Holds the quota of one cgroup near what it needs, with a burst of the same size. After Captain of
// Autothrottle (Wang et al., NSDI '24): a target for the ratio of throttled periods, a margin that
// learns from missing it, and a rollback of a lowering that hurts. What differs: the burst, and a
// quota that is measured against it; a raise at once for a backlog; one write a second at most, as
// a write refills the pool (sched-bwc.rst); bounds and a node guard.
//
//   CpuController controller(targets, setting_now);
//   every 100 ms (to 1 s): decision = controller.tick(inputs); write what it says, and only then
class CpuController {
 public:
  // floor <= ceiling, 1 ms <= period <= 1 s. A setting of "max" begins at the ceiling. `written`:
  // when what it begins with is written, which refills the pool as any write.
  CpuController(const CpuTargets& targets, const simulation::CpuSetting& now,
                std::optional<Usec> written = {});

  [[nodiscard]] CpuDecision tick(const CpuInputs& inputs);
  [[nodiscard]] simulation::CpuSetting setting() const;

 private:
  struct Usage {
    double usec;  // of time
    double used;  // CPU time
    double most;  // cores that would have been enough for the stretches that begin with it
  };
  void observe(const CpuInputs& inputs);
  [[nodiscard]] double ratio() const;
  void measure_stretches();
  [[nodiscard]] double enough_cores() const;
  [[nodiscard]] double deviation() const;
  [[nodiscard]] double demanded_cores(const CpuInputs& inputs) const;
  [[nodiscard]] bool backlog(const CpuInputs& inputs) const;
  [[nodiscard]] double enough_for_backlog(const CpuInputs& inputs) const;
  void learn();
  void hold(const CpuInputs& inputs, double enough);
  void choose(CpuDecision& decision);
  void change(CpuDecision& decision, double cores, CpuReason reason);

  CpuTargets targets_;
  double limit_;          // cores
  double last_limit_;     // before the last lowering
  bool lowered_ = false;  // by the last write
  double margin_ = 1;
  double held_ = 0;       // cores
  double hold_left_ = 0;  // microseconds of a backlog that is still seen in the history
  std::optional<Usec> written_;
  double since_usec_ = 0;  // since the last decision of a second
  double periods_ = 0;
  double throttled_ = 0;
  std::uint64_t throttled_row_ = 0;  // periods throttled in ticks that follow each other
  std::deque<Usage> usage_;          // of kHistoryUsec
  double usage_usec_ = 0;
};

}  // namespace cgwarden::policy::adapt
