#include "agent/subject_book.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/limits.h"

namespace cgwarden::agent {
namespace {

// The time of the last sight is stored this coarsely, so that it is not written at every save.
constexpr std::uint64_t kSightSeconds = 3600;

// Names in the store of what values_of() gives, in its order.
constexpr std::array<std::string_view, 10> kNames{"starts",
                                                  "oom_kills",
                                                  "throttled_usec",
                                                  "memory_high_events",
                                                  "seen/boot",
                                                  "seen/cgroup",
                                                  "seen/oom_kills",
                                                  "seen/throttled_usec",
                                                  "seen/memory_high_events",
                                                  "seen/wall_seconds"};

void grow(std::uint64_t& total, std::uint64_t& seen, const cgroup::Count& now) {
  if (!now || *now <= seen) return;
  total += *now - seen;
  seen = *now;
}

}  // namespace

SubjectBook::SubjectBook(std::uint64_t boot)
    : SubjectBook(boot, {.subjects = limits::kSubjects,
                         .users_subjects = limits::kSubjectsOfUsers,
                         .seconds = limits::kSubjectSeconds}) {}

SubjectBook::Values SubjectBook::values_of(Entry& entry) {
  return {&entry.counters.starts,
          &entry.counters.oom_kills,
          &entry.counters.throttled_usec,
          &entry.counters.memory_high_events,
          &entry.seen.boot,
          &entry.seen.cgroup,
          &entry.seen.oom_kills,
          &entry.seen.throttled_usec,
          &entry.seen.high,
          &entry.last_seen};
}

Status SubjectBook::load(const diagnosis::StoreWriter& store) {
  CGW_ASSIGN(const auto stored, store.counters());
  for (const auto& counter : stored) {
    const auto subject = identity::parse_subject_key(counter.workload);
    if (!subject) continue;
    const auto [at, is_new] = entries_.try_emplace(*subject);
    if (is_new) {
      at->second.counters.subject = *subject;
      if (subject->owner) ++of_users_;
    }
    const auto name = std::ranges::find(kNames, counter.counter);
    if (name == kNames.end()) continue;
    const auto index = static_cast<std::size_t>(name - kNames.begin());
    *values_of(at->second).at(index) = counter.value;
    at->second.saved.at(index) = counter.value;
  }
  return {};
}

SubjectBook::Entry* SubjectBook::entry_for(const identity::Subject& subject, std::size_t& refused,
                                           std::uint64_t cgroup) {
  const auto found = entries_.find(subject);
  if (found != entries_.end()) return &found->second;
  const bool of_user = subject.owner.has_value();
  if (entries_.size() >= limits_.subjects || (of_user && of_users_ >= limits_.users_subjects)) {
    const auto [at, is_new] = refused_.try_emplace(cgroup);
    at->second = true;
    if (is_new) ++refused;
    return nullptr;
  }
  Entry& entry = entries_[subject];
  entry.counters.subject = subject;
  if (of_user) ++of_users_;
  return &entry;
}

void SubjectBook::add(Entry& entry, const KernelCounts& counts) {
  Seen& seen = entry.seen;
  const bool same_boot = seen.boot == boot_;
  if (same_boot && counts.id.value < seen.cgroup) return;
  if (!same_boot || counts.id.value != seen.cgroup) {
    seen = Seen{.boot = boot_, .cgroup = counts.id.value};
    ++entry.counters.starts;
  }
  grow(entry.counters.oom_kills, seen.oom_kills, counts.oom_kill);
  grow(entry.counters.throttled_usec, seen.throttled_usec, counts.throttled_usec);
  grow(entry.counters.memory_high_events, seen.high, counts.high);
}

std::size_t SubjectBook::observe(const cgroup::Snapshot& snapshot,
                                 const identity::Table& identities, TimePoint now) {
  std::size_t refused = 0;
  for (auto& [cgroup, told] : refused_) told = false;
  for (const auto& sample : snapshot.samples()) {
    const identity::Known* known = identities.find(sample.id);
    if (known == nullptr || !known->subject) continue;
    Entry* entry = entry_for(*known->subject, refused, sample.id.value);
    if (entry == nullptr) continue;
    entry->last_seen = std::max(entry->last_seen, now.wall.count() / 1'000'000);
    add(*entry, counts_of(sample));
  }
  std::erase_if(refused_, [](const auto& cgroup) { return !cgroup.second; });
  return refused;
}

Status SubjectBook::save(diagnosis::StoreWriter& store, TimePoint now) {
  const std::uint64_t wall = now.wall.count() / 1'000'000;
  std::vector<std::string> forgotten;
  std::erase_if(entries_, [&](const auto& entry) {
    if (entry.second.last_seen + limits_.seconds >= wall) return false;
    if (entry.first.owner) --of_users_;
    forgotten.push_back(to_key(entry.first));
    return true;
  });
  CGW_TRY(store.remove_counters(forgotten));

  std::vector<diagnosis::StoreWriter::Counter> changed;
  std::vector<std::pair<std::uint64_t*, std::uint64_t>> saved;
  for (auto& [subject, entry] : entries_) {
    const Values values = values_of(entry);
    for (std::size_t i = 0; i < kNames.size(); ++i) {
      const std::uint64_t value = *values.at(i);
      std::uint64_t& before = entry.saved.at(i);
      const bool sight = values.at(i) == &entry.last_seen;
      if (sight ? value < before + kSightSeconds : value == before) continue;
      changed.push_back({to_key(subject), std::string(kNames.at(i)), value});
      saved.emplace_back(&before, value);
    }
  }
  CGW_TRY(store.put({}, changed));
  for (const auto& [before, value] : saved) *before = value;
  return {};
}

std::vector<exporters::SubjectCounters> SubjectBook::all() const {
  std::vector<exporters::SubjectCounters> list;
  list.reserve(entries_.size());
  for (const auto& [subject, entry] : entries_) list.push_back(entry.counters);
  return list;
}

}  // namespace cgwarden::agent
