#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cgroup/samples.h"
#include "diagnosis/kmsg.h"
#include "diagnosis/signal_record.h"
#include "diagnosis/verdict.h"

// Stalls and events of a workload that lives, beside throttling (diagnose.h).
namespace cgwarden::diagnosis {

// One cgroup between two moments of the same incarnation. Absent: the file was not there.
struct StallCgroup {
  struct Counts {
    std::optional<cgroup::MemoryEvents> memory_events;
    std::optional<cgroup::MemoryEvents> memory_events_local;
    std::optional<cgroup::PidsEvents> pids_events;
    std::optional<cgroup::PidsEvents> pids_events_local;
  };
  std::string path;
  Counts before;
  Counts after;
  // At the later moment.
  std::optional<Bytes> memory_current;
  std::optional<LimitOf<Bytes>> memory_high;
  std::optional<LimitOf<Bytes>> memory_max;
  std::optional<cgroup::Pressure> memory_pressure;
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
  std::vector<StallCgroup> cgroups;  // payload first, then each ancestor up to the root
  pid_t main_pid = -1;
  std::optional<char> main_state;  // of /proc/PID/stat; absent: not read
  SignalEvidence signals;          // sent to the main process
  std::vector<OomRecord> oom_records;
};

// What holds at `to`, most telling first; empty when nothing does.
[[nodiscard]] std::vector<Verdict> diagnose_stalls(const StallEvidence& evidence);

// Told for a while after it happened: it is no state that could be over.
[[nodiscard]] bool is_event(VerdictClass verdict);

namespace stalls {

[[nodiscard]] std::optional<Verdict> oom_no_victim(const StallEvidence& evidence);
[[nodiscard]] std::optional<Verdict> memory_high(const StallEvidence& evidence);
[[nodiscard]] std::optional<Verdict> pids_limit(const StallEvidence& evidence);
[[nodiscard]] std::optional<Verdict> frozen(const StallEvidence& evidence);
[[nodiscard]] std::optional<Verdict> stopped_by_signal(const StallEvidence& evidence);
// The caller knows that the main process outlived what was counted.
[[nodiscard]] std::optional<Verdict> oom_child(const StallEvidence& evidence);

// A verdict with the fields that all of them fill alike.
[[nodiscard]] Verdict begin(const StallEvidence& evidence, VerdictClass verdict,
                            Confidence confidence);

}  // namespace stalls
}  // namespace cgwarden::diagnosis
