#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "identity/identity_book.h"
#include "identity/subject.h"

#include "agent/counter_book.h"
#include "agent/restart_causes.h"
#include "base/clock.h"
#include "cgroup/snapshot.h"
#include "diagnosis/store.h"
#include "exporters/view.h"

namespace cgwarden::agent {

// The counters of systemd units and of named containers that outlive cgroups, agents and reboots,
// like CounterBook's of workloads, fed by every tick. A subject has one cgroup at a time: of two,
// the one that was made later (ids of cgroups rise; an older one that lingers adds nothing more).
// It is forgotten a day after its last cgroup, and there is a most of them, of which the users'
// share is small, because a user can make as many names as cgroups. A new one beyond it takes the
// place of the one that has had no cgroup for longest.
class SubjectBook {
 public:
  struct Limits {
    std::size_t subjects;
    std::size_t users_subjects;
    std::uint64_t seconds;  // kept after they were last seen
  };
  // `boot` as in CounterBook.
  explicit SubjectBook(std::uint64_t boot = 0);
  SubjectBook(std::uint64_t boot, const Limits& limits) : boot_(boot), limits_(limits) {}

  // Takes up what an earlier agent stored.
  [[nodiscard]] Status load(const diagnosis::StoreWriter& store);
  // Adds what the cgroups counted since the last call, those that ended included; a subject seen
  // first begins with what its cgroup has counted. Returns how many cgroups there was no room for,
  // each told once while it lives.
  std::size_t observe(const cgroup::Snapshot& snapshot, const identity::Table& identities,
                      TimePoint now);
  // A start or an OOM kill is not stored yet, and the last save() was a second ago: they are rare,
  // and alerts are about them.
  [[nodiscard]] bool due(TimePoint now) const;
  // Stores what changed, and drops what is forgotten, in two transactions at most.
  [[nodiscard]] Status save(diagnosis::StoreWriter& store, TimePoint now);

  [[nodiscard]] std::vector<exporters::SubjectCounters> all(TimePoint now) const;

  // The number of the run of `subject` that began with this cgroup and main process (boottime of
  // its start): the next one, or what it was counted as before, also by an earlier agent of this
  // boot. 1 where there is no room for it.
  [[nodiscard]] unsigned run_of(const identity::Subject& subject, CgroupId cgroup, Usec started,
                                TimePoint now);
  // A run of it in `cgroup` (empty: not known) ended, at `ended` (CLOCK_BOOTTIME). One that was
  // never seen gets counters where there is room.
  void died(const identity::Subject& subject, diagnosis::VerdictClass verdict,
            std::string_view cgroup, Usec ended, TimePoint now);
  // The kernel told of an OOM kill in a cgroup of `subject`, or below it. The counters that
  // observe() adds may go with the cgroup before anybody read them; what both tell counts once.
  void oom_killed(const identity::Subject& subject, TimePoint now);
  // systemd started a unit again; `result`: how its run before ended (kUnitResults).
  void restarted(const identity::Subject& unit, std::string_view result, TimePoint now);

 private:
  static constexpr std::size_t kPlainValues = 15;
  static constexpr std::size_t kValues = kPlainValues + exporters::kVerdictClasses +
                                         exporters::kUnitResults.size() +
                                         exporters::kContainerRestartReasons.size();
  // Names in the store of what values_of() gives, in its order.
  [[nodiscard]] static const std::array<std::string, kValues>& names();

  // What the kernel's counters of the subject's cgroup were when they were added up.
  struct Seen {
    std::uint64_t boot = 0;
    std::uint64_t cgroup = 0;
    OomIncidents oom;
    std::uint64_t throttled_usec = 0;
    std::uint64_t high = 0;
  };
  // The newest run and its number.
  struct Run {
    std::uint64_t number = 0;
    std::uint64_t boot = 0;
    std::uint64_t cgroup = 0;
    std::uint64_t started_usec = 0;
  };
  struct Entry {
    exporters::SubjectCounters counters;
    Seen seen;
    Run run;
    RestartCauses causes;  // of a container
    // OOM kills since this agent began, as the kernel's events told them and as its counters did:
    // the larger one is true.
    std::uint64_t oom_told = 0;
    std::uint64_t oom_counted = 0;
    std::uint64_t watched = 0;                   // the cgroup last seen by this agent
    std::uint64_t last_seen = 0;                 // wall seconds
    std::uint64_t round = 0;                     // of observe() in which it was seen last
    std::array<std::uint64_t, kValues> saved{};  // what the store has of values_of()
  };
  using Values = std::array<std::uint64_t*, kValues>;
  using Entries = std::map<identity::Subject, Entry>;
  struct Sight {
    const cgroup::Sample* sample = nullptr;
    const identity::Subject* subject = nullptr;
    bool shown = false;  // is not any more, and was seen before
    bool older = false;  // than the agent: what it counted before was told to nobody
  };
  // Those without a cgroup in this tick, longest unseen first.
  using Unseen = std::set<std::pair<std::uint64_t, identity::Subject>>;

  void came_again(Entry& entry, std::string_view cgroup, TimePoint now);
  void count_restart(Entry& entry, RestartCauses::Cause cause, std::size_t times = 1);
  void count_oom(Entry& entry, std::uint64_t told, std::uint64_t counted);
  static Values values_of(Entry& entry);
  // nullptr: there is no room for one that is not known.
  [[nodiscard]] Entry* entry_of(const identity::Subject& subject, TimePoint now);
  [[nodiscard]] static std::vector<Sight> past(const cgroup::Snapshot& snapshot);
  std::size_t enter(const std::vector<Sight>& strange, TimePoint now);
  [[nodiscard]] bool is_full(const identity::Subject& subject) const;
  bool make_room(const identity::Subject& subject, Unseen& unseen);
  [[nodiscard]] Unseen all_unseen() const;
  Entries::iterator erase(Entries::iterator at);
  void add(Entry& entry, const Sight& sight, TimePoint now);

  std::uint64_t boot_;
  Limits limits_;
  Entries entries_;
  std::size_t of_users_ = 0;
  std::uint64_t round_ = 0;
  std::uint64_t next_snapshot_ = 0;  // the first that shows what is made now; 0: there was none yet
  std::vector<std::string> forgotten_;  // that the store still has
  bool urgent_ = false;
  Usec saved_{0};                          // CLOCK_BOOTTIME
  std::map<std::uint64_t, bool> refused_;  // cgroups there was no room for; seen in this tick
};

}  // namespace cgwarden::agent
