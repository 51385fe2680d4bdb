#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/automatic_collector.h"
#include "agent/back_off.h"
#include "agent/event_loop.h"
#include "agent/event_sources.h"
#include "agent/options.h"
#include "agent/value_source_thread.h"
#include "base/clock.h"
#include "cgroup/sampler.h"
#include "exporters/self_metrics.h"

namespace cgwarden::agent {

// Runs a Sampler on the agent's loop: a tick in portions of a few milliseconds, between which the
// loop sees to everything else; new cgroups and emptied ones as they are told.
class SamplingLoop {
 public:
  struct Parts {
    EventLoop* loop = nullptr;
    const Clock* clock = nullptr;
    const cgroup::Tree* tree = nullptr;
    exporters::SelfMetrics* metrics = nullptr;
    // What sampling.collector: auto has after a while, opened in a thread; null: the BPF program.
    ValueSourceThread::Open open_values = nullptr;
  };
  // At the end of each tick; before it, in `prepare`, the caller may set what is managed.
  using Sampled = std::function<void(const std::shared_ptr<const cgroup::Snapshot>& snapshot)>;

  SamplingLoop(Parts parts, const Options& options, std::function<void()> prepare, Sampled sampled);
  SamplingLoop(const SamplingLoop&) = delete;
  SamplingLoop& operator=(const SamplingLoop&) = delete;

  // To be told of managed cgroups as soon as they are known, with their first values.
  void tell_arrived(std::function<void(const cgroup::SampleList& arrived)> arrived) {
    arrived_ = std::move(arrived);
  }

  // Reads the files of these, too, from the next tick on.
  void read_groups(cgroup::FileGroups groups);
  // To be called now and then by what takes long between two ticks: sees to what the kernel has
  // told of the tree by now. From no callback of tell_arrived().
  void look_for_changes();

  // Takes a tick beside those of the timer, unless one is under way.
  void tick_now() {
    if (!tier_) begin();
  }

  // Looks through the tree, takes the first tick at once and the others by timer from then on.
  [[nodiscard]] Status start();
  [[nodiscard]] cgroup::Sampler& sampler() { return sampler_; }
  // How cgroups that come, go and end are told, for `cgwarden doctor`.
  [[nodiscard]] SourceReport tree_source() const;
  [[nodiscard]] SourceReport emptied_source() const;

 private:
  void open_watch();
  void open_source();
  // Where sampling.collector is auto.
  Status choose_later();
  void choose_source();
  void source_opened(ValueSourceThread::Opening source);
  void source_failed(const Error& error);
  // Whether they are told.
  bool read_values();
  [[nodiscard]] Status arm();
  void begin();
  // One portion; true while the tick goes on.
  bool step();
  void end();
  // One portion of what is told of the tree, or found by polling.
  void changed();
  void emptied();
  // Counts what a collector did.
  template <typename Work>
  void run(std::string_view collector, const Work& work);
  void export_counts();

  Parts parts_;
  cgroup::KernelFiles files_;
  cgroup::Sampler sampler_;
  std::function<void()> prepare_;
  Sampled sampled_;
  std::function<void(const cgroup::SampleList& arrived)> arrived_;
  BackOff back_off_;
  std::optional<std::size_t> tier_;  // of the tick under way
  Usec spent_{0};                    // by the tick under way
  UniqueFd portion_;                 // an eventfd that is readable while a tick is under way
  UniqueFd discovery_;               // and another one while changes are left to be looked at
  EventLoop::Watch portion_watch_;
  EventLoop::Watch discovery_watch_;
  EventLoop::Watch changes_watch_;
  EventLoop::Watch events_watch_;
  EventLoop::Timer timer_;
  std::string said_fault_;
  policy::Collector collector_;
  std::optional<AutomaticCollector> automatic_;  // collector_ is automatic, and it has started
  std::unique_ptr<ValueSourceThread> sources_;   // as the one before
  std::string said_values_fault_;                // why they were not to be had the last time
  cgroup::ReadErrors exported_errors_{};
  cgroup::Sampler::Drops exported_drops_{};
};

}  // namespace cgwarden::agent
