#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/stall_reading.h"
#include "base/clock.h"
#include "cgroup/snapshot.h"
#include "diagnosis/stall.h"

namespace cgwarden::agent {

// Follows living workloads, or cgroups of others, over a sliding window and gives a verdict while
// one stalls in another way than by its quota (ThrottleWatch), one with `over` when it goes on, and
// one for each OOM kill of a child that its main process outlived.
//
// A snapshot has files of different ages. It only shows signs, that something was counted or that
// tasks wait; then, and for the first time, the files are read at once (ReadStall). Without a sign
// no counter of events has moved, and what was read last still holds. Memory and this reading are
// all that it has.
class StallWatch {
 public:
  // Long enough for several ticks, short enough to be "now".
  static constexpr Usec kWindow{10'000'000};
  // A stall that lasts is reported again this often; its row in the store is updated.
  static constexpr Usec kReportInterval{5'000'000};
  // An OOM-killed main process shows as dead long before.
  static constexpr Usec kOutlived{2'000'000};
  // Share of time in which tasks wait, from which on it is looked at closely.
  static constexpr double kSignPercent = 10.0;

  struct Watched {
    std::string name;
    unsigned incarnation = 0;
    std::string cgroup;  // the payload
    // When this cgroup was made, with all counters 0, if nobody can have looked at it before;
    // absent: it was there before.
    std::optional<TimePoint> born = {};
    // A moment at which it was there, or, with `born`, before it was; nullptr: not known.
    const cgroup::Snapshot* before = nullptr;
    std::string key = {};  // what tells it from others, where the name does not; empty: the name
  };
  struct Process {
    pid_t main_pid = -1;
    std::optional<char> state = {};  // of /proc/PID/stat
    diagnosis::SignalEvidence signals = {};
    std::vector<diagnosis::OomRecord> oom_records = {};
    std::optional<std::size_t> over_high = {};
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::string> devices = {};
    std::string frozen_by = {};
  };

  // What the kernel log says of refused forks; nullptr: it is not read.
  using RefusedForks = std::function<const diagnosis::RefusedForks*()>;

  // `oldest`: a counter of a snapshot was read that long before the snapshot was taken, or later.
  explicit StallWatch(ReadStall read, RefusedForks forks = {}, Usec oldest = Usec{0})
      : read_(std::move(read)), forks_(std::move(forks)), oldest_(oldest) {}

  // A new incarnation, or an end; by its key.
  void forget(const std::string& key) { tracks_.erase(key); }
  // One tick of the workload with its ancestors of `snapshot`.
  [[nodiscard]] std::vector<diagnosis::Verdict> observe(const Watched& watched, TimePoint now,
                                                        const cgroup::Snapshot& snapshot,
                                                        const Process& process);

 private:
  using Counts = diagnosis::StallCgroup::Counts;
  using Flow = diagnosis::StallCgroup::Flow;
  // Both as StallEvidence::cgroups.
  struct Moment {
    TimePoint at;
    Usec counted{0};  // boottime of the oldest of the counts
    std::vector<Counts> counts;
    std::vector<std::optional<Flow>> flows;  // empty: nobody looked
  };
  // What a snapshot shows of a cgroup and those above it.
  struct Signs {
    std::optional<cgroup::MemoryEvents> memory_events;
    std::vector<cgroup::Count> pids_events;
    std::vector<cgroup::Count> oom_events;  // memory.events oom
    bool operator==(const Signs&) const = default;
  };
  struct Told {
    TimePoint from;
    Usec last{0};
    diagnosis::Verdict newest;
  };
  struct Track {
    CgroupId id;
    std::optional<Signs> signs;
    Usec sign_seen{0};
    std::deque<Moment> window;
    std::map<diagnosis::VerdictClass, Told> told;
    // When an OOM kill was counted that the main process may not outlive.
    std::optional<Moment> before_kill;
    Usec kill_seen{0};
    // Looks of the last kWindow at who waits in mem_cgroup_handle_over_high: one alone may find a
    // task that runs for a moment.
    std::deque<std::pair<TimePoint, std::size_t>> over_high;
  };
  static void keep_best_look(Track& track, TimePoint now, const Process& process,
                             diagnosis::StallEvidence& evidence);
  static Signs signs_of(const std::vector<const cgroup::Sample*>& chain);
  static bool shows_sign(const Track& track, const Signs& signs, const cgroup::Sample& payload,
                         const Process& process);
  static Moment moment_of(const diagnosis::StallEvidence& evidence);
  // From when the counters may be that a snapshot of this moment shows.
  [[nodiscard]] Usec counted_by(TimePoint at) const;
  void begin(Track& track, const Watched& watched,
             const std::vector<const cgroup::Sample*>& chain) const;
  static void set_before(diagnosis::StallEvidence& evidence, const Moment& before);
  static void set_flows_before(diagnosis::StallEvidence& evidence, const Track& track);
  static void report(Track& track, std::vector<diagnosis::Verdict> stalls, TimePoint now,
                     std::vector<diagnosis::Verdict>& found);
  static void child_killed(Track& track, const diagnosis::StallEvidence& now,
                           std::vector<diagnosis::Verdict>& found);
  [[nodiscard]] bool look(const std::vector<const cgroup::Sample*>& chain,
                          diagnosis::StallEvidence& evidence) const;

  ReadStall read_;
  RefusedForks forks_;
  Usec oldest_;
  std::map<std::string, Track> tracks_;
};

// What a sample says of a stall, without the moment before.
[[nodiscard]] diagnosis::StallCgroup stall_cgroup_of(const cgroup::Sample& sample);

}  // namespace cgwarden::agent
