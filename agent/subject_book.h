#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "identity/identity_book.h"
#include "identity/subject.h"

#include "agent/counter_book.h"
#include "base/clock.h"
#include "cgroup/snapshot.h"
#include "diagnosis/store.h"
#include "exporters/view.h"

namespace cgwarden::agent {

// The counters of systemd units and of named containers that outlive cgroups, agents and reboots,
// like CounterBook's of workloads, fed by every tick. A subject has one cgroup at a time: of two,
// the one that was made later (ids of cgroups rise; an older one that lingers adds nothing more).
// It is forgotten a day after its last cgroup, and there is a most of them, of which the users'
// share is small, because a user can make as many names as cgroups.
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
  // Adds what the cgroups counted since the last call; a subject seen first begins with what its
  // cgroup has counted. Returns how many subjects there was no room for, each told once while it
  // lives.
  std::size_t observe(const cgroup::Snapshot& snapshot, const identity::Table& identities,
                      TimePoint now);
  // Stores what changed, and drops what is forgotten, in two transactions at most.
  [[nodiscard]] Status save(diagnosis::StoreWriter& store, TimePoint now);

  [[nodiscard]] std::vector<exporters::SubjectCounters> all() const;

 private:
  // What the kernel's counters of the subject's cgroup were when they were added up.
  struct Seen {
    std::uint64_t boot = 0;
    std::uint64_t cgroup = 0;
    std::uint64_t oom_kills = 0;
    std::uint64_t throttled_usec = 0;
    std::uint64_t high = 0;
  };
  struct Entry {
    exporters::SubjectCounters counters;
    Seen seen;
    std::uint64_t last_seen = 0;            // wall seconds
    std::array<std::uint64_t, 10> saved{};  // what the store has of values_of()
  };
  using Values = std::array<std::uint64_t*, 10>;
  static Values values_of(Entry& entry);
  Entry* entry_for(const identity::Subject& subject, std::size_t& refused, std::uint64_t cgroup);
  void add(Entry& entry, const KernelCounts& counts);

  std::uint64_t boot_;
  Limits limits_;
  std::map<identity::Subject, Entry> entries_;
  std::size_t of_users_ = 0;
  std::map<std::uint64_t, bool> refused_;  // cgroups there was no room for; seen in this tick
};

}  // namespace cgwarden::agent
