#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

// What an agent listens to, and what it does not hear. A source is a row of kEventSources; who
// listens says by SourceReport how it goes, and the daemon publishes the table in a file, which
// `cgwarden doctor` reads and an agent without a bus has, too.
namespace cgwarden::agent {

enum class EventSource : std::uint8_t {
  tree,
  emptied,
  oom_marks,
  memory_events,
  kernel_log,
  kernel_log_kept,
  signals,
  process_ends,
  shims,
  units,
  oomd,
  pressure,
  writers,
  files,
  bus,
  journal,
};

struct EventSourceRow {
  EventSource source;
  std::string_view name;   // of docs/runbook.md, "label value" of metrics, key of the file
  std::string_view what;   // where it is from, in the kernel's or systemd's own words
  std::string_view costs;  // what is missing without it
};

inline constexpr std::array kEventSources{
    EventSourceRow{EventSource::tree, "tree", "fanotify or inotify on the cgroup tree",
                   "a cgroup that lives for less than a tick is not seen, and each tick looks at "
                   "the directories of all cgroups"},
    EventSourceRow{EventSource::emptied, "emptied", "poll(2) of each cgroup.events",
                   "the last values of a cgroup that ends are those of the tick before"},
    EventSourceRow{
        EventSource::oom_marks, "oom_marks", "tracepoint oom:mark_victim (tracefs)",
        "OOM kills outside of workloads are known by counters alone: seconds later, without "
        "victims, and with their cgroup only where that is a unit or container"},
    EventSourceRow{EventSource::memory_events, "memory_events",
                   "poll(2) of memory.events of workloads, units and containers",
                   "their OOM kills are counted at the next tick, and what was largest before a "
                   "kill is not known"},
    EventSourceRow{EventSource::kernel_log, "kernel_log", "/dev/kmsg",
                   "OOM verdicts have no victim and no memory figures of the kernel"},
    EventSourceRow{
        EventSource::kernel_log_kept, "kernel_log_kept", "/dev/kmsg into the store",
        "after a restart of the agent, or once the kernel has overwritten them, its lines "
        "cannot be quoted"},
    EventSourceRow{EventSource::signals, "signals",
                   "tracepoint signal:signal_generate (perf_event_open)",
                   "verdicts do not name who killed a workload, and are strong at most"},
    EventSourceRow{EventSource::process_ends, "process_ends", "the process connector (cn_proc)",
                   "deaths of systemd units and containers get no verdict; workloads do"},
    EventSourceRow{EventSource::shims, "shims", "waitid(2) by the shim of each workload",
                   "the exit status is not known: UNKNOWN, or AGENT_RESTARTED"},
    EventSourceRow{
        EventSource::units, "units", "signals of systemd on the system bus",
        "deaths and restarts of units are not counted; watchdog, timeout and what systemd "
        "could not start are not told"},
    EventSourceRow{EventSource::oomd, "oomd", "the signal Killed of systemd-oomd on the system bus",
                   "its kills are known by their sender and its marks on the cgroup alone"},
    EventSourceRow{EventSource::pressure, "pressure", "PSI triggers that policies ask for",
                   "no event when the pressure of a cgroup is over what its policy allows"},
    EventSourceRow{EventSource::writers, "writers", "fanotify(7) on the cgroup2 file system",
                   "who changed a limit of a policy is not told; that it was, is"},
    EventSourceRow{EventSource::files, "files", "inotify on the policy and workload directories",
                   "changed files are taken after `cgwarden reload` or SIGHUP only"},
    EventSourceRow{EventSource::bus, "bus", "our name on the system bus",
                   "no run, ps, stop and reload, and no D-Bus signals of events"},
    EventSourceRow{EventSource::journal, "journal", "systemd's journal, from stderr",
                   "no entries with MESSAGE_ID and fields; the events are in `cgwarden events`"},
};
inline constexpr std::size_t kEventSourceCount = kEventSources.size();

[[nodiscard]] const EventSourceRow& row_of(EventSource source);

enum class SourceState : std::uint8_t {
  live,
  unused,   // nobody asks for it; not missing
  limited,  // some of what it should tell is not told
  off,
};
[[nodiscard]] std::string_view to_string(SourceState state);

struct SourceReport {
  SourceState state = SourceState::live;
  std::string why;  // one sentence with the remedy; of a live one: how it is listened to, or empty

  // off, for the error's reason.
  [[nodiscard]] static SourceReport off(const Error& error) {
    return {SourceState::off, error.sentence()};
  }
  bool operator==(const SourceReport&) const = default;
};
// Of a source in two parts: the state of the worse one that is used, and what both say.
[[nodiscard]] SourceReport both(const SourceReport& one, const SourceReport& other);

// A line of the published table.
struct PublishedSource {
  std::string name;
  std::string what;
  SourceState state = SourceState::off;
  std::string why;
  std::string costs;
};

// The table of a running agent. One thread.
class EventSources {
 public:
  // All are off until they are set.
  explicit EventSources(std::string path);
  void set(EventSource source, SourceReport report);
  [[nodiscard]] const SourceReport& of(EventSource source) const;
  // Replaces the file when something changed since it was written last.
  [[nodiscard]] Status publish();

 private:
  std::string path_;
  std::array<SourceReport, kEventSourceCount> reports_;
  bool changed_ = true;
};

// Of an agent with this runtime directory.
[[nodiscard]] std::string event_sources_path(const std::string& runtime_dir);
// vanished: no agent has written one.
[[nodiscard]] Result<std::vector<PublishedSource>> read_event_sources(const std::string& path);

}  // namespace cgwarden::agent
