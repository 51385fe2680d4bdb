#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/event_loop.h"
#include "agent/event_sources.h"
#include "base/clock.h"
#include "cgroup/trace_instance.h"
#include "cgroup/tree.h"
#include "diagnosis/event.h"
#include "diagnosis/oom_ledger.h"
#include "exporters/self_metrics.h"

namespace cgwarden::agent {

// Every OOM kill of the node, whoever made the cgroup and however fast it is removed: the kernel's
// own events, joined by diagnosis::OomLedger, counted and logged. Where tracefs cannot be used the
// counters of the cgroups right below the root tell of kills, without victims, and those of units
// and containers in which it was. On the loop's thread.
class OomWatch {
 public:
  using Told = std::function<void(const diagnosis::OomIncident& incident)>;
  // Fails only for want of a timer. That tracefs cannot be used is said in the log, the metrics and
  // source().
  [[nodiscard]] static Result<std::unique_ptr<OomWatch>> start(EventLoop& loop,
                                                               const cgroup::Tree& tree,
                                                               const Clock& clock,
                                                               exporters::SelfMetrics& metrics,
                                                               Told told);
  // A cgroup's own counters show kills: their place, where the kernel's events are not told.
  void counted(const std::string& cgroup, std::uint64_t kills);
  // How it goes, for `cgwarden doctor`.
  [[nodiscard]] SourceReport source() const;

 private:
  OomWatch(const cgroup::Tree& tree, const Clock& clock, exporters::SelfMetrics& metrics,
           Told told);
  [[nodiscard]] Status trace_on(EventLoop& loop);
  void trace_off(const Error& error);
  void drain();
  void feed(const cgroup::OomMark& mark);
  void tick();
  void report(const diagnosis::OomIncident& incident);

  const cgroup::Tree* tree_;
  const Clock* clock_;
  exporters::SelfMetrics* metrics_;
  std::optional<cgroup::TraceInstance> trace_;
  diagnosis::OomLedger ledger_;
  bool proc_is_of_init_ = false;  // pids of events are those of /proc
  std::uint64_t lost_ = 0;
  std::uint64_t malformed_ = 0;
  std::string fault_;  // why there is no trace; empty while there is one
  bool many_said_ = false;
  Told told_;
  EventLoop::Watch watch_;
  EventLoop::Timer timer_;
};

// The cgroup of the victim from its directory in /proc, also of a zombie and of a removed cgroup;
// empty when it cannot be known, or the pid is another's by now.
[[nodiscard]] std::string cgroup_of_victim(const cgroup::Tree& tree, const std::string& proc,
                                           const cgroup::OomMark& mark, Usec now);

// The event of an incident, `now` being about when it was told of.
[[nodiscard]] diagnosis::Event event_of(const diagnosis::OomIncident& incident, TimePoint now);

// memory.events of the children of the root that have one, of limits::kOomSlices at most.
[[nodiscard]] std::vector<diagnosis::SliceCounts> read_slices(const cgroup::Tree& tree);

}  // namespace cgwarden::agent
