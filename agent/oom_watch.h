#pragma once

#include <functional>
#include <memory>
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
// own events, joined by diagnosis::OomLedger, counted and logged. On the loop's thread.
class OomWatch {
 public:
  using Told = std::function<void(const diagnosis::OomIncident& incident)>;
  // Fails where tracefs cannot be used, having said so in the log and the metrics; the agent then
  // counts the kills of its own workloads only.
  [[nodiscard]] static Result<std::unique_ptr<OomWatch>> start(EventLoop& loop,
                                                               const cgroup::Tree& tree,
                                                               const Clock& clock,
                                                               exporters::SelfMetrics& metrics,
                                                               Told told);
  // How it goes, for `cgwarden doctor`.
  [[nodiscard]] SourceReport source() const;

 private:
  OomWatch(const cgroup::Tree& tree, const Clock& clock, exporters::SelfMetrics& metrics,
           cgroup::TraceInstance trace, Told told);
  void drain();
  void feed(const cgroup::OomMark& mark);
  void tick();
  void report(const diagnosis::OomIncident& incident);

  const cgroup::Tree* tree_;
  const Clock* clock_;
  exporters::SelfMetrics* metrics_;
  cgroup::TraceInstance trace_;
  diagnosis::OomLedger ledger_;
  bool proc_is_of_init_ = false;  // pids of events are those of /proc
  std::uint64_t lost_ = 0;
  std::uint64_t malformed_ = 0;
  std::string fault_;  // why it was given up; empty while it works
  Told told_;
  EventLoop::Watch watch_;
  EventLoop::Timer timer_;
};

// The cgroup of a process that began before `before`, from its directory in /proc, also of a zombie
// and of a removed cgroup; empty when it cannot be known.
[[nodiscard]] std::string cgroup_of_victim(const cgroup::Tree& tree, const std::string& proc,
                                           pid_t pid, Usec before);

// The event of an incident, `now` being about when it was told of.
[[nodiscard]] diagnosis::Event event_of(const diagnosis::OomIncident& incident, TimePoint now);

// memory.events of the children of the root that have one, of 128 at most.
[[nodiscard]] std::vector<diagnosis::SliceCounts> read_slices(const cgroup::Tree& tree);

}  // namespace cgwarden::agent
