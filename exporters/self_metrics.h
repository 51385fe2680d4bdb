#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/units.h"
#include "cgroup/sampler.h"
#include "diagnosis/event.h"
#include "exporters/metrics.h"

namespace cgwarden::exporters {

// What collector_run() takes: the tiers of files, the search for cgroups that came and went, the
// last reads of emptied ones, what is made of them all at the end of a tick, the looks of cpu loops
// of policies between two ticks, and the BPF program where it is asked for: only that one may be
// off, as it is at first.
inline constexpr std::array<std::string_view, 9> kCollectors{
    "tick", "medium", "slow", "limits", "discovery", "events", "snapshot", "cpu_loops", "bpf"};

// What collector_in_use() takes: from where a tick has its values.
inline constexpr std::array<std::string_view, 2> kCollectorsOfTicks{"bpf", "files"};

// What event_source() takes: the rows of the agent's table of them, in its order.
inline constexpr std::array<std::string_view, 16> kEventSourceNames{
    "tree",    "emptied",      "oom_marks", "memory_events", "kernel_log", "kernel_log_kept",
    "signals", "process_ends", "shims",     "units",         "oomd",       "pressure",
    "writers", "files",        "bus",       "journal"};

// What policy_adapt() takes: the reasons of the agent's loops that are told.
struct AdaptReason {
  std::string_view loop;
  std::string_view reason;
};
inline constexpr std::array<AdaptReason, 22> kAdaptReasons{
    {{"cpu", "started"},         {"cpu", "throttled"},
     {"cpu", "backlog"},         {"cpu", "rolled_back"},
     {"cpu", "unused"},          {"cpu", "node_busy"},
     {"cpu", "at_ceiling"},      {"memory_high", "started"},
     {"memory_high", "probed"},  {"memory_high", "backed_off"},
     {"memory_high", "foreign"}, {"stall", "notify"},
     {"stall", "raise"},         {"stall", "kill"},
     {"stall", "over"},          {"time_to_oom", "warned"},
     {"time_to_oom", "over"},    {"kill", "killed"},
     {"kill", "easing"},         {"kill", "cooling_down"},
     {"kill", "over_budget"},    {"kill", "no_candidate"}}};

// The agent's own metrics (cgwarden_agent_*), held in a prometheus-cpp Registry. All counters
// exist at 0 from construction on, those of file groups from file_groups() on. Thread-safe.
class SelfMetrics {
 public:
  SelfMetrics();
  ~SelfMetrics();
  SelfMetrics(const SelfMetrics&) = delete;
  SelfMetrics& operator=(const SelfMetrics&) = delete;

  // Files of these groups are read, too: their read errors exist at 0 from now on.
  void file_groups(cgroup::FileGroups groups);
  void tick(Usec duration, std::size_t cgroups, std::size_t dropped, std::size_t unreadable_files);
  // One run of a collector of kCollectors; `success`: nothing was unreadable. "bpf" fails as long
  // as it is asked for and cannot be had.
  void collector_run(std::string_view collector, Usec duration, bool success);
  // It is not asked for any more, and has no success until it runs again.
  void collector_off(std::string_view collector);
  // Of this tick; one of kCollectorsOfTicks.
  void collector_in_use(std::string_view collector);
  // `file`: its place in cgroup::sampled_files(), kSampledFiles for the directory itself.
  void read_errors(std::size_t file, cgroup::ReadFault fault, std::uint64_t count);
  void cgroups_dropped(cgroup::DropReason reason, std::uint64_t count);
  // `discovery`: "fanotify", "inotify" or "polling".
  void sampling(Usec interval, std::size_t kept_files, std::string_view discovery);
  void policy_reload(bool success);
  void policy_write(bool success);
  // Of one tick: the writes that only policies of mode plan want, those that failed, and those that
  // are left out for a reason.
  void policy_pending(std::size_t planned, std::size_t failed, std::size_t skipped,
                      std::size_t deferred);
  // One write of a policy; both false: it repairs nothing.
  void policy_drift(bool found, bool repaired);
  // One decision of a loop, of kAdaptReasons, and how many cgroups have a loop.
  void policy_adapt(std::string_view loop, std::string_view reason);
  // A kill that was refused, or that did not empty its cgroup.
  void policy_kill_failed();
  void policy_adapted(std::size_t cgroups);
  // How many cgroups a policy warns of, and when the first of them hits its limit; absent: none.
  void policy_oom_forecasts(std::size_t cgroups, std::optional<Usec> nearest);
  void store_error();
  // Verdicts that wait for the store, and those for which there was no room, since the agent began.
  void verdicts_waiting(std::size_t waiting, std::uint64_t dropped);
  // All since the agent's start, but for `bytes`.
  struct Recorded {
    std::uint64_t stored = 0;  // samples
    std::uint64_t dropped_by_cap = 0;
    std::uint64_t dropped_by_ring = 0;
    std::uint64_t dropped_by_disk = 0;
    std::uint64_t bytes = 0;
  };
  void recorder(const Recorded& recorded);
  void kmsg_lost(std::uint64_t records);
  // In all, since the agent began.
  void kmsg_dropped(std::uint64_t lines);
  void identity_errors(std::size_t files);
  void subjects_dropped(std::size_t count);
  // Whether the kernel's OOM events can be read.
  void oom_trace(bool works);
  void oom_trace_lost(std::uint64_t events);
  // Lines of the trace that are not as this kernel should print them.
  void oom_trace_malformed(std::uint64_t lines);
  void node_oom(bool attributed, std::size_t victims);
  // What earlier agents counted; once, at the start.
  void node_oom_before(std::uint64_t attributed, std::uint64_t unattributed, std::uint64_t victims);
  void event(diagnosis::EventKind kind);
  void events_dropped(std::size_t count);
  // Of policies: how many PSI triggers are armed, and one that fired. `resource`: "cpu", "memory"
  // or "io"; `line`: "some" or "full".
  void pressure_triggers(std::size_t armed);
  void pressure_fired(std::string_view resource, std::string_view line);
  // Whether systemd tells of its units.
  void unit_watch(bool works);
  // Whether a source of kEventSourceNames tells all that it should.
  void event_source(std::string_view source, bool whole);
  void scrape(Usec duration, std::size_t bytes);
  void workloads_running(std::size_t count);

  // The registry through Collect(), in the wanted exposition, HELP escaped.
  [[nodiscard]] std::string render(Exposition exposition) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace cgwarden::exporters
