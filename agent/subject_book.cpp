#include "agent/subject_book.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

#include "base/limits.h"

namespace cgwarden::agent {
namespace {

// The time of the last sight is stored this coarsely, so that it is not written at every save.
constexpr std::uint64_t kSightSeconds = 3600;
constexpr Usec kUrgent{1'000'000};

constexpr std::array<std::string_view, 15> kPlainNames{"starts",
                                                       "oom_kills",
                                                       "throttled_usec",
                                                       "memory_high_events",
                                                       "seen/boot",
                                                       "seen/cgroup",
                                                       "seen/oom_kills",
                                                       "seen/oom_groups",
                                                       "seen/throttled_usec",
                                                       "seen/memory_high_events",
                                                       "seen/wall_seconds",
                                                       "run/number",
                                                       "run/boot",
                                                       "run/cgroup",
                                                       "run/started_usec"};

void grow(std::uint64_t& total, std::uint64_t& seen, const cgroup::Count& now) {
  if (!now || *now <= seen) return;
  total += *now - seen;
  seen = *now;
}

std::uint64_t seconds(TimePoint now) { return now.wall.count() / 1'000'000; }

}  // namespace

SubjectBook::SubjectBook(std::uint64_t boot)
    : SubjectBook(boot, {.subjects = limits::kSubjects,
                         .users_subjects = limits::kSubjectsOfUsers,
                         .seconds = limits::kSubjectSeconds}) {}

const std::array<std::string, SubjectBook::kValues>& SubjectBook::names() {
  static const auto all = [] {
    std::array<std::string, kValues> made;
    auto* at = std::ranges::copy(kPlainNames, made.begin()).out;
    for (std::size_t i = 0; i < exporters::kVerdictClasses; ++i) {
      *at++ = "deaths/" + std::string(to_string(static_cast<diagnosis::VerdictClass>(i)));
    }
    for (const auto result : exporters::kUnitResults) *at++ = "restarts/" + std::string(result);
    for (const auto reason : exporters::kContainerRestartReasons) {
      // What agents before this knew of no reason.
      *at++ = reason == "unknown" ? "restarts" : "came_again/" + std::string(reason);
    }
    return made;
  }();
  return all;
}

SubjectBook::Values SubjectBook::values_of(Entry& entry) {
  auto& counters = entry.counters;
  Values values{&counters.starts,
                &counters.oom_kills,
                &counters.throttled_usec,
                &counters.memory_high_events,
                &entry.seen.boot,
                &entry.seen.cgroup,
                &entry.seen.oom.kills,
                &entry.seen.oom.groups,
                &entry.seen.throttled_usec,
                &entry.seen.high,
                &entry.last_seen,
                &entry.run.number,
                &entry.run.boot,
                &entry.run.cgroup,
                &entry.run.started_usec};
  auto* at = values.begin() + kPlainValues;
  for (auto& value : counters.deaths) *at++ = &value;
  for (auto& value : counters.restarts) *at++ = &value;
  for (auto& value : counters.container_restarts) *at++ = &value;
  return values;
}

SubjectBook::Entry* SubjectBook::entry_of(const identity::Subject& subject, TimePoint now) {
  auto found = entries_.find(subject);
  if (found == entries_.end()) {
    if (is_full(subject)) return nullptr;
    found = entries_.try_emplace(subject).first;
    found->second.counters.subject = subject;
    found->second.counters.born = next_snapshot_;
    if (subject.owner) ++of_users_;
  }
  found->second.last_seen = std::max(found->second.last_seen, seconds(now));
  return &found->second;
}

unsigned SubjectBook::run_of(const identity::Subject& subject, CgroupId cgroup, Usec started,
                             TimePoint now) {
  Entry* entry = entry_of(subject, now);
  if (entry == nullptr) return 1;
  Run& run = entry->run;
  if (run.boot != boot_ || run.cgroup != cgroup.value || run.started_usec != started.count()) {
    run = {.number = run.number + 1,
           .boot = boot_,
           .cgroup = cgroup.value,
           .started_usec = started.count()};
  }
  return static_cast<unsigned>(run.number);
}

void SubjectBook::died(const identity::Subject& subject, diagnosis::VerdictClass verdict,
                       std::string_view cgroup, Usec ended, TimePoint now) {
  Entry* entry = entry_of(subject, now);
  if (entry == nullptr) return;
  ++entry->counters.deaths.at(static_cast<std::size_t>(verdict));
  if (const auto cause = entry->causes.died(verdict, cgroup, ended)) count_restart(*entry, *cause);
  urgent_ = true;
}

void SubjectBook::came_again(Entry& entry, std::string_view cgroup, TimePoint now) {
  if (const auto cause = entry.causes.came_again(cgroup, now.boottime))
    count_restart(entry, *cause);
}

void SubjectBook::count_restart(Entry& entry, RestartCauses::Cause cause, std::size_t times) {
  entry.counters.container_restarts.at(static_cast<std::size_t>(cause)) += times;
  urgent_ = true;
}

void SubjectBook::restarted(const identity::Subject& unit, std::string_view result, TimePoint now) {
  Entry* entry = entry_of(unit, now);
  if (entry == nullptr) return;
  const auto* const found = std::ranges::find(exporters::kUnitResults, result);
  const auto index = std::min(static_cast<std::size_t>(found - exporters::kUnitResults.begin()),
                              exporters::kUnitResults.size() - 1);
  ++entry->counters.restarts.at(index);
  urgent_ = true;
}

void SubjectBook::count_oom(Entry& entry, std::uint64_t told, std::uint64_t counted) {
  const std::uint64_t before = std::max(entry.oom_told, entry.oom_counted);
  entry.oom_told += told;
  entry.oom_counted += counted;
  const std::uint64_t fresh = std::max(entry.oom_told, entry.oom_counted) - before;
  entry.counters.oom_kills += fresh;
  if (fresh > 0) urgent_ = true;
}

void SubjectBook::oom_killed(const identity::Subject& subject, TimePoint now) {
  if (Entry* entry = entry_of(subject, now)) count_oom(*entry, 1, 0);
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
    const auto* const name = std::ranges::find(names(), counter.counter);
    if (name == names().end()) continue;
    const auto index = static_cast<std::size_t>(name - names().begin());
    *values_of(at->second).at(index) = counter.value;
    at->second.saved.at(index) = counter.value;
  }
  return {};
}

void SubjectBook::add(Entry& entry, const Sight& sight, TimePoint now) {
  if (!sight.shown) {
    entry.round = round_;
    entry.last_seen = std::max(entry.last_seen, seconds(now));
  }
  const KernelCounts counts = counts_of(*sight.sample);
  Seen& seen = entry.seen;
  const bool same_boot = seen.boot == boot_;
  if (same_boot && counts.id.value < seen.cgroup) return;
  if (!same_boot || counts.id.value != seen.cgroup) {
    if (same_boot && seen.cgroup != 0 &&
        entry.counters.subject.kind == identity::Subject::Kind::container) {
      came_again(entry, sight.sample->path, now);
    }
    seen = Seen{};
    seen.boot = boot_;
    seen.cgroup = counts.id.value;
    ++entry.counters.starts;
    urgent_ = true;
  }
  const std::uint64_t incidents = seen.oom.add(counts);
  const bool before_agent = sight.older && entry.watched != counts.id.value;
  entry.watched = counts.id.value;
  // Some of them may have been told since the agent began.
  const std::uint64_t told = entry.oom_told - std::min(entry.oom_told, entry.oom_counted);
  count_oom(entry, before_agent ? incidents - std::min(incidents, told) : 0, incidents);
  grow(entry.counters.throttled_usec, seen.throttled_usec, counts.throttled_usec);
  grow(entry.counters.memory_high_events, seen.high, counts.high);
}

// Those that are not any more, as they were made: it counts which came later, not which went later.
std::vector<SubjectBook::Sight> SubjectBook::past(const cgroup::Snapshot& snapshot) {
  std::vector<Sight> sights;
  for (const auto& sample : snapshot.ended()) sights.push_back({.sample = &sample});
  // Again, because its name may be known only now.
  for (const auto& sample : snapshot.gone()) sights.push_back({.sample = &sample, .shown = true});
  std::ranges::stable_sort(sights, {}, [](const Sight& sight) { return sight.sample->id.value; });
  return sights;
}

std::size_t SubjectBook::observe(const cgroup::Snapshot& snapshot,
                                 const identity::Table& identities, TimePoint now) {
  // What the first one has was there before.
  if (round_++ > 0) next_snapshot_ = snapshot.sequence();
  std::vector<Sight> strange;
  const auto see = [&](Sight sight) {
    const identity::Known* known = identities.find(sight.sample->id);
    if (known == nullptr || !known->subject) return;
    sight.subject = &*known->subject;
    sight.older = !known->appeared;
    const auto found = entries_.find(*sight.subject);
    if (found == entries_.end()) {
      strange.push_back(sight);
    } else {
      add(found->second, sight, now);
    }
  };
  for (const Sight& sight : past(snapshot)) see(sight);
  for (const auto& sample : snapshot.samples()) see({.sample = &sample});
  const std::size_t refused = enter(strange, now);
  next_snapshot_ = snapshot.sequence() + 1;
  for (auto& [subject, entry] : entries_) {
    const std::size_t given_up = entry.causes.given_up(now.boottime);
    if (given_up > 0) count_restart(entry, RestartCauses::Cause::unknown, given_up);
  }
  return refused;
}

// Last, when it is known who has no cgroup in this tick.
std::size_t SubjectBook::enter(const std::vector<Sight>& strange, TimePoint now) {
  std::size_t refused = 0;
  std::optional<Unseen> unseen;
  for (auto& [cgroup, told] : refused_) told = false;
  for (const Sight& sight : strange) {
    const identity::Subject& subject = *sight.subject;
    auto found = entries_.find(subject);
    if (found == entries_.end()) {
      if (is_full(subject)) {
        if (sight.shown) continue;  // takes nobody's place any more
        if (!unseen) unseen = all_unseen();
        if (!make_room(subject, *unseen)) {
          const auto [at, is_new] = refused_.try_emplace(sight.sample->id.value);
          at->second = true;
          if (is_new) ++refused;
          continue;
        }
      }
      found = entries_.try_emplace(subject).first;
      found->second.counters.subject = subject;
      found->second.counters.born = sight.older ? 0 : next_snapshot_;
      found->second.last_seen = seconds(now);
      if (subject.owner) ++of_users_;
    }
    add(found->second, sight, now);
  }
  std::erase_if(refused_, [](const auto& cgroup) { return !cgroup.second; });
  return refused;
}

bool SubjectBook::is_full(const identity::Subject& subject) const {
  return entries_.size() >= limits_.subjects ||
         (subject.owner && of_users_ >= limits_.users_subjects);
}

SubjectBook::Unseen SubjectBook::all_unseen() const {
  Unseen unseen;
  for (const auto& [subject, entry] : entries_) {
    if (entry.round != round_) unseen.emplace(entry.last_seen, subject);
  }
  return unseen;
}

bool SubjectBook::make_room(const identity::Subject& subject, Unseen& unseen) {
  const bool of_users = subject.owner && of_users_ >= limits_.users_subjects;
  const auto oldest = std::ranges::find_if(
      unseen, [&](const auto& each) { return !of_users || each.second.owner.has_value(); });
  if (oldest == unseen.end()) return false;
  const auto at = entries_.find(oldest->second);
  unseen.erase(oldest);
  erase(at);
  return true;
}

SubjectBook::Entries::iterator SubjectBook::erase(Entries::iterator at) {
  if (at->first.owner) --of_users_;
  const bool stored = std::ranges::any_of(at->second.saved, [](auto value) { return value != 0; });
  if (stored) forgotten_.push_back(to_key(at->first));
  return entries_.erase(at);
}

bool SubjectBook::due(TimePoint now) const { return urgent_ && now.boottime >= saved_ + kUrgent; }

Status SubjectBook::save(diagnosis::StoreWriter& store, TimePoint now) {
  saved_ = now.boottime;
  for (auto at = entries_.begin(); at != entries_.end();) {
    at = at->second.last_seen + limits_.seconds < seconds(now) ? erase(at) : std::next(at);
  }
  CGW_TRY(store.remove_counters(forgotten_));
  forgotten_.clear();

  std::vector<diagnosis::StoreWriter::Counter> changed;
  std::vector<std::pair<std::uint64_t*, std::uint64_t>> saved;
  for (auto& [subject, entry] : entries_) {
    const Values values = values_of(entry);
    for (std::size_t i = 0; i < kValues; ++i) {
      const std::uint64_t value = *values.at(i);
      std::uint64_t& before = entry.saved.at(i);
      const bool sight = values.at(i) == &entry.last_seen;
      if (sight ? value < before + kSightSeconds : value == before) continue;
      changed.push_back({to_key(subject), names().at(i), value});
      saved.emplace_back(&before, value);
    }
  }
  CGW_TRY(store.put({}, changed));
  for (const auto& [before, value] : saved) *before = value;
  urgent_ = false;
  return {};
}

std::vector<exporters::SubjectCounters> SubjectBook::all(TimePoint now) const {
  std::vector<exporters::SubjectCounters> list;
  list.reserve(entries_.size());
  for (const auto& [subject, entry] : entries_) {
    auto& shown = list.emplace_back(entry.counters);
    shown.away = entry.last_seen + limits::kSubjectAwaySeconds < seconds(now);
  }
  return list;
}

}  // namespace cgwarden::agent
