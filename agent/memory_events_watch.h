#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "identity/identity_book.h"

#include "agent/counter_book.h"
#include "agent/event_loop.h"
#include "agent/event_sources.h"
#include "base/clock.h"
#include "cgroup/events_watch.h"
#include "cgroup/snapshot.h"
#include "cgroup/tree.h"
#include "diagnosis/evidence.h"

namespace cgwarden::agent {

// The memory.events of the cgroups of units and named containers. Where they have a memory.max the
// kernel tells when it changes (POLLPRI), and what was largest is measured at a `max` event, as it
// comes before a kill; of one that counts them on and on, every few seconds. A cgroup wakes the
// agent once per tick at most, and limits::kMemoryEventsWatched are watched. What their OOM kills
// were is told from there, and from each tick. On the loop's thread.
class MemoryEventsWatch {
 public:
  using Sizes = std::vector<diagnosis::DeathEvidence::ProcessSize>;
  // OOM kills (a group kill is one) in a cgroup that holds no other one that is looked at here, or
  // below it.
  using Told = std::function<void(const std::string& cgroup, std::uint64_t kills)>;
  MemoryEventsWatch(EventLoop& loop, const cgroup::Tree& tree, const Clock& clock, Told told);

  // Every tick.
  void observe(const cgroup::Snapshot& snapshot, const identity::Table& identities);
  // The largest processes of this cgroup at a `max` event of a run that began and ended then
  // (CLOCK_BOOTTIME), in its last ten seconds; none when there was none. Of a cgroup that is gone,
  // for ten seconds.
  [[nodiscard]] Sizes largest_of(CgroupId id, Usec began, Usec ended) const;
  // How it goes, for `cgwarden doctor`.
  [[nodiscard]] SourceReport source() const;

 private:
  struct Entry {
    std::string path;
    std::optional<cgroup::EventsWatch> events;
    EventLoop::Watch watch;
    bool woke = false;  // and is armed again with the next tick
    bool holds_others = false;
    OomIncidents oom;
    std::optional<std::uint64_t> max;  // `max` events when they were read last
    Usec measured{0};
    Usec apart{1'000'000};  // from one measurement to the next
    Usec max_seen{0};       // when `max` rose last
    Sizes largest;
    Usec seen{0};
  };
  using Entries = std::map<CgroupId, Entry>;

  void look(const cgroup::Sample& sample, const identity::Known& known);
  void arm(CgroupId id, Entry& entry);
  void watch(CgroupId id, Entry& entry);
  void unwatch(Entry& entry);
  void changed(CgroupId id);
  void take(Entry& entry, CgroupId id, const cgroup::MemoryEvents& events);
  void measure(Entry& entry);

  EventLoop* loop_;
  const cgroup::Tree* tree_;
  const Clock* clock_;
  Told told_;
  Entries entries_;
  std::unordered_set<std::string_view> holders_;  // of others that are looked at; in observe()
  Usec now_{0};
  std::size_t watched_ = 0;
  std::size_t unwatched_ = 0;  // that have a limit, in the last tick
  std::size_t measured_ = 0;   // since the last tick
  std::size_t skipped_ = 0;    // since the last tick, for want of turns
  std::size_t left_out_ = 0;   // that were not measured for want of turns, in the last tick
};

}  // namespace cgwarden::agent
