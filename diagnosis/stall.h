#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "cgroup/samples.h"
#include "diagnosis/kmsg.h"
#include "diagnosis/refused_fork.h"
#include "diagnosis/signal_record.h"
#include "diagnosis/verdict.h"

// Stalls and events of a workload that lives, beside throttling (diagnose.h).
namespace cgwarden::diagnosis {

// One cgroup between two moments of the same incarnation. Absent: the file was not there.
struct StallCgroup {
  // Counters of events, all of one moment.
  struct Counts {
    std::optional<cgroup::MemoryEvents> memory_events;
    std::optional<cgroup::MemoryEvents> memory_events_local;
    std::optional<cgroup::PidsEvents> pids_events;
    std::optional<cgroup::PidsEvents> pids_events_local;
  };
  // What grows all the time: a rise is only told between two moments at which it was read.
  struct Flow {
    TimePoint at;
    std::optional<std::vector<cgroup::IoStat>> io_stat;
    std::optional<cgroup::Pressure> io_pressure;
    std::optional<cgroup::Pressure> memory_pressure;
    cgroup::Count pgscan;  // memory.stat
  };
  std::string path;
  CgroupId id = {};
  Counts before;
  Counts after;
  std::optional<Flow> flow_before;
  std::optional<Flow> flow_after;
  // At the later moment.
  std::optional<Bytes> memory_current;
  std::optional<LimitOf<Bytes>> memory_high;
  std::optional<LimitOf<Bytes>> memory_max;
  std::optional<std::vector<cgroup::IoMax>> io_max;
  std::optional<std::uint64_t> pids_current;
  std::optional<LimitOf<std::uint64_t>> pids_max;
  std::optional<bool> frozen;  // cgroup.events
  std::optional<bool> freeze;  // cgroup.freeze
};

struct StallEvidence {
  std::string workload;
  unsigned incarnation = 0;
  TimePoint from;
  TimePoint to;
  // Boottime from which on `before` may be, where that is before `from`.
  std::optional<Usec> counted_from;
  std::vector<StallCgroup> cgroups;  // payload first, then each ancestor up to the root
  pid_t main_pid = -1;
  std::optional<char> main_state;  // of /proc/PID/stat; absent: not read
  SignalEvidence signals;          // sent to the main process
  std::vector<OomRecord> oom_records;
  // Of its processes that were looked at, those that wait in the kernel's
  // mem_cgroup_handle_over_high (/proc/PID/wchan); absent: none was looked at.
  std::optional<std::size_t> over_high;
  std::optional<TimePoint> over_high_at;  // of that look, the best of the last seconds
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::string> devices;  // "vda" by major:minor
  RefusedForks refused_forks;  // of the payload and of those below it
  std::string frozen_by;       // who is known to have frozen it; empty: not known
};

// What holds at `to`, most telling first; empty when nothing does.
[[nodiscard]] std::vector<Verdict> diagnose_stalls(const StallEvidence& evidence);

// Told for a while after it happened: it is no state that could be over.
[[nodiscard]] bool is_event(VerdictClass verdict);

namespace stalls {

[[nodiscard]] std::optional<Verdict> oom_no_victim(const StallEvidence& evidence);
[[nodiscard]] std::optional<Verdict> memory_high(const StallEvidence& evidence);
[[nodiscard]] std::optional<Verdict> io_throttled(const StallEvidence& evidence);
[[nodiscard]] std::optional<Verdict> pids_limit(const StallEvidence& evidence);
[[nodiscard]] std::optional<Verdict> frozen(const StallEvidence& evidence);
[[nodiscard]] std::optional<Verdict> stopped_by_signal(const StallEvidence& evidence);
// The caller knows that the main process outlived what was counted.
[[nodiscard]] std::optional<Verdict> oom_child(const StallEvidence& evidence);

// A verdict with the fields that all of them fill alike.
[[nodiscard]] Verdict begin(const StallEvidence& evidence, VerdictClass verdict,
                            Confidence confidence);

// The time between two readings of one cgroup's Flow; absent where it was read once.
[[nodiscard]] std::optional<Usec> watched(const StallCgroup& cgroup);

// Time that tasks of the cgroup waited between two readings, `some` or `full` of a pressure file.
[[nodiscard]] std::optional<Usec> waited(
    const StallCgroup& cgroup, std::optional<cgroup::Pressure> StallCgroup::Flow::* file,
    std::optional<cgroup::PressureLine> cgroup::Pressure::* line);

}  // namespace stalls
}  // namespace cgwarden::diagnosis
