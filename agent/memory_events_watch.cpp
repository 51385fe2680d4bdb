#include "agent/memory_events_watch.h"

#include <sys/epoll.h>

#include <algorithm>
#include <iterator>
#include <utility>
#include <variant>

#include "agent/process_sizes.h"
#include "base/limits.h"
#include "cgroup/format.h"

namespace cgwarden::agent {
namespace {

constexpr Usec kKept{10'000'000};  // after its last tick: its end may be told later
// Measurements of one cgroup, at first and of one that is full all the time.
constexpr Usec kApart{1'000'000};
constexpr Usec kFarApart{8'000'000};
constexpr std::uint32_t kArmed = EPOLLPRI | EPOLLONESHOT;

bool is_limited(const cgroup::Sample& sample) {
  return sample.memory_max && std::holds_alternative<Bytes>(*sample.memory_max);
}

}  // namespace

MemoryEventsWatch::MemoryEventsWatch(EventLoop& loop, const cgroup::Tree& tree, const Clock& clock,
                                     Told told)
    : loop_(&loop), tree_(&tree), clock_(&clock), told_(std::move(told)) {}

void MemoryEventsWatch::observe(const cgroup::Snapshot& snapshot,
                                const identity::Table& identities) {
  now_ = clock_->now().boottime;
  left_out_ = std::exchange(skipped_, 0);
  unwatched_ = measured_ = 0;
  const auto each = [&](const auto& work) {
    const auto see = [&](const cgroup::Sample& sample, bool lives) {
      const identity::Known* known = identities.find(sample.id);
      if (known != nullptr && known->subject && sample.memory_events) work(sample, *known, lives);
    };
    for (const auto& sample : snapshot.ended()) see(sample, false);
    for (const auto& sample : snapshot.samples()) see(sample, true);
  };
  // A kill is counted by all that hold it, and is to be told of the innermost.
  each([&](const cgroup::Sample& sample, const identity::Known&, bool) {
    auto path = cgroup::parent_path(sample.path);
    while (!path.empty() && holders_.insert(path).second) path = cgroup::parent_path(path);
  });
  each([&](const cgroup::Sample& sample, const identity::Known& known, bool lives) {
    look(sample, known);
    if (lives && is_limited(sample)) arm(sample.id, entries_.at(sample.id));
  });
  holders_.clear();
  for (auto at = entries_.begin(); at != entries_.end();) {
    Entry& entry = at->second;
    if (entry.seen < now_) unwatch(entry);
    at = entry.seen + kKept < now_ ? entries_.erase(at) : std::next(at);
  }
}

void MemoryEventsWatch::look(const cgroup::Sample& sample, const identity::Known& known) {
  const auto [at, is_new] = entries_.try_emplace(sample.id);
  Entry& entry = at->second;
  entry.seen = now_;
  entry.holds_others = holders_.contains(sample.path);
  if (is_new) {
    entry.path = sample.path;
    // What it counted before the agent was there is no news.
    if (!known.appeared) static_cast<void>(entry.oom.add(counts_of(sample)));
    entry.max = known.appeared ? 0 : sample.memory_events->max;
  }
  take(entry, sample.id, *sample.memory_events);
}

void MemoryEventsWatch::arm(CgroupId id, Entry& entry) {
  if (!entry.events) {
    watch(id, entry);
  } else if (std::exchange(entry.woke, false)) {
    // What changed since then is told at once.
    if (!loop_->modify(entry.watch, kArmed)) unwatch(entry);
  }
}

void MemoryEventsWatch::unwatch(Entry& entry) {
  if (!entry.events) return;
  entry.watch = {};
  entry.events.reset();
  entry.woke = false;
  --watched_;
}

void MemoryEventsWatch::watch(CgroupId id, Entry& entry) {
  if (watched_ == limits::kMemoryEventsWatched) {
    ++unwatched_;
    return;
  }
  auto events = cgroup::EventsWatch::open(*tree_, entry.path, "memory.events");
  if (!events) return;
  // Another cgroup may have the path by now.
  const auto there = tree_->id_of(entry.path);
  if (!there || *there != id) return;
  auto added = loop_->add(events->fd(), kArmed, [this, id](std::uint32_t) { changed(id); });
  if (!added) return;
  entry.events = *std::move(events);
  entry.watch = *std::move(added);
  ++watched_;
  // Armed first: a change since the tick is seen here or told.
  changed(id);
}

void MemoryEventsWatch::changed(CgroupId id) {
  const auto found = entries_.find(id);
  if (found == entries_.end() || !found->second.events) return;
  Entry& entry = found->second;
  entry.woke = true;
  const auto text = entry.events->read();
  if (!text) return;  // it is gone, and the next tick knows
  if (const auto events = cgroup::parse_memory_events(*text)) take(entry, id, *events);
}

void MemoryEventsWatch::take(Entry& entry, CgroupId id, const cgroup::MemoryEvents& events) {
  KernelCounts counts;
  counts.id = id;
  counts.oom_kill = events.oom_kill;
  counts.oom_group_kill = events.oom_group_kill;
  const std::uint64_t kills = entry.oom.add(counts);
  const bool more = events.max && entry.max && *events.max > *entry.max;
  if (events.max && (!entry.max || more)) entry.max = events.max;
  // Who reads of a victim holds its memory.
  if (kills == 0 && more && entry.events) measure(entry);
  if (kills > 0 && !entry.holds_others && told_) told_(entry.path, kills);
}

void MemoryEventsWatch::measure(Entry& entry) {
  const Usec now = clock_->now().boottime;
  if (now > entry.max_seen + 2 * kFarApart) entry.apart = kApart;
  entry.max_seen = now;
  if (entry.measured > Usec{0} && now < entry.measured + entry.apart) return;
  if (measured_ == limits::kCgroupsMeasured) {
    ++skipped_;
    return;
  }
  ++measured_;
  auto largest = largest_processes(*tree_, entry.path);
  if (largest.empty()) return;
  // Who reads files at its limit counts on for ever.
  if (entry.measured > Usec{0}) entry.apart = std::min(2 * entry.apart, kFarApart);
  entry.measured = now;
  entry.largest = std::move(largest);
}

MemoryEventsWatch::Sizes MemoryEventsWatch::largest_of(CgroupId id, Usec began, Usec ended) const {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return {};
  const Usec measured = found->second.measured;
  const bool of_its_end = measured >= began && measured <= ended && measured + kKept >= ended;
  return of_its_end ? found->second.largest : Sizes{};
}

SourceReport MemoryEventsWatch::source() const {
  if (watched_ == 0) return {SourceState::unused, "no unit or container has a limit of memory"};
  const std::string of =
      "of " + std::to_string(watched_) + " units and containers with a limit of memory";
  if (left_out_ > 0) {
    return {SourceState::limited, of + "; " + std::to_string(left_out_) +
                                      " of them reached it and were not measured, as "
                                      "too many did so at once"};
  }
  if (unwatched_ == 0) return {SourceState::live, of};
  return {SourceState::limited, of + "; there is no room for " + std::to_string(unwatched_) +
                                    " more, whose verdicts lack what was largest"};
}

}  // namespace cgwarden::agent
