#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"
#include "cgroup/trace_line.h"

namespace cgwarden::diagnosis {

struct OomVictim {
  pid_t pid = 0;  // in the init pid namespace
  std::string comm;
  std::optional<std::uint32_t> uid;
  std::optional<Bytes> rss;
  std::string cgroup;  // empty: not known
};

// One decision of the kernel's OOM killer: one victim, or all processes of a cgroup whose
// memory.oom.group is set.
struct OomIncident {
  Usec boottime{0};
  bool attributed = false;
  // Attributed: the deepest cgroup that holds all victims whose cgroup is known, or that counted
  // the kill. Else the top-level cgroup under which the kernel counted the kill, "/" when not even
  // that is known.
  std::string cgroup;
  std::vector<OomVictim> victims;  // empty: only the kernel's counters tell of it
};

// memory.events of a child of the root at one moment; hierarchical, so it holds the kills of
// cgroups that are gone.
struct SliceCounts {
  CgroupId id;
  std::string path;
  std::uint64_t oom_kill = 0;
  std::uint64_t oom_group_kill = 0;
};

// OOM kills that the counters of one cgroup below a slice show.
struct CountedKills {
  Usec boottime{0};
  std::string cgroup;
  std::uint64_t incidents = 0;
};

// Joins what the kernel says of OOM kills into incidents, each given out once. Evidence may be
// missing, never doubled: an incident is then unattributed or not seen, but no incident is given
// twice and none under a cgroup that it was not in.
//
//   ledger.baseline(slices);                                // before the trace is opened
//   slices = ...; for (event : drained) ledger.feed(event); // in this order
//   ledger.reconcile(slices, now); for (incident : ledger.take(now)) ...
//
// Pure but for its memory.
class OomLedger {
 public:
  // Marks of one group kill are this close, however slow the console that the kernel prints to.
  static constexpr Usec kSettled{500'000};
  // A victim that has not left its cgroup by then hangs; its pid may be another's soon.
  static constexpr Usec kPatience{3'000'000};

  // What was counted before: none of it is reported.
  void baseline(const std::vector<SliceCounts>& slices);

  void feed(const cgroup::KernelKill& kill);
  // `cgroup`: what /proc/PID/cgroup said, read at once; empty: it could not be read. `group`: its
  // memory.oom.group is known to be 1. The mark of a task that was dying anyway is no kill.
  void feed(const cgroup::OomMark& mark, std::string_view cgroup, bool group);
  void feed(const cgroup::CgroupEmptied& emptied);
  // Where no event is told: the cgroup that kills were in which the slice's counters show, too.
  void feed(CountedKills kills);
  // Kills that the counters show and no event told. `slices` were read at `now`, before the events
  // that were fed last were.
  void reconcile(const std::vector<SliceCounts>& slices, Usec now);

  // Incidents that are complete, or that waited for kPatience. Oldest first.
  [[nodiscard]] std::vector<OomIncident> take(Usec now);

 private:
  // What one task killed in a row.
  struct Run {
    OomIncident incident;
    pid_t task = 0;
    Usec last_mark{0};
    bool group = false;               // proven
    std::vector<std::size_t> breaks;  // victims that may have been killed on their own
  };
  struct Slice {
    std::string path;
    Usec read{0};
    std::uint64_t kills = 0;  // oom_kill and oom_group_kill when last read
    std::uint64_t groups = 0;
    std::uint64_t kills_told = 0;  // of them: before the baseline, or given out
    std::uint64_t groups_told = 0;
    std::uint64_t groups_base = 0;
    // Since nothing was missing the last time.
    std::uint64_t groups_then = 0;
    std::uint64_t incidents_since = 0;
    Usec short_since{0};  // 0: nothing is missing
    // The first of a group is counted twice where it still had memory when the walk came to it, so
    // this is the least that is missing.
    [[nodiscard]] std::uint64_t missing() const;
  };
  [[nodiscard]] bool take_signal(const cgroup::OomMark& mark);
  [[nodiscard]] Slice* slice_of(std::string_view path);
  [[nodiscard]] std::uint64_t open_victims() const;
  // The one slice that misses kills; nullptr when there is none, or several.
  [[nodiscard]] Slice* only_short_slice();
  void close(Run run, std::vector<OomIncident>& done);
  void tell(OomIncident incident, bool group, std::vector<OomIncident>& done);
  // Reports what is missing at least.
  void report_missing(Slice& slice, std::uint64_t victims);
  // An incident that only the slice's counters tell of, in the cgroup whose counters tell, too.
  [[nodiscard]] OomIncident counted_in(const Slice& slice);

  std::deque<cgroup::KernelKill> signals_;  // newest last, without a mark yet
  std::deque<Run> runs_;
  std::map<CgroupId, Slice> slices_;
  CgroupId newest_;
  std::uint64_t unclaimed_ = 0;  // victims given out of which no slice's counter is known
  std::vector<OomIncident> counted_;
  std::deque<CountedKills> places_;  // of kills that are not given out
};

}  // namespace cgwarden::diagnosis
