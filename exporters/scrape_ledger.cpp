#include "exporters/scrape_ledger.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <utility>

namespace cgwarden::exporters {
namespace {

// Who has come once and not again in this time is no Prometheus.
constexpr Usec kOnce{60'000'000};
constexpr Usec kActive{limits::kGoneSeconds * 1'000'000};
constexpr std::uint64_t kMissedIntervals = 3;
// Of Scraper::least: scrapes nearer to each other are one.
constexpr std::uint64_t kStepsOfLeast = 8;

}  // namespace

// The newest scrape that is old enough and has one after it.
std::uint64_t ScrapeLedger::Entry::seen(Usec now) const {
  std::uint64_t sequence = 0;
  for (const Scrape& scrape : before) {
    if (scrape.when + scraper.least <= now) sequence = scrape.sequence;
  }
  return sequence;
}

bool ScrapeLedger::Entry::active(Usec now) const {
  if (last.sequence == 0) return false;
  const Usec longest = std::max(interval, interval_before) * kMissedIntervals;
  return last.when + std::clamp(longest, kOnce, kActive) >= now;
}

const ScrapeLedger::Entry* ScrapeLedger::find(const Scraper& scraper) const {
  const auto* found = std::ranges::find_if(entries_, [&](const Entry& entry) {
    return entry.last.sequence != 0 && entry.scraper == scraper;
  });
  return found == entries_.end() ? nullptr : found;
}

// One client with many faces must not push the others out.
ScrapeLedger::Entry& ScrapeLedger::place_for_another() {
  std::map<std::string, std::size_t> of_client;
  for (const Entry& entry : entries_) {
    if (entry.last.sequence != 0) ++of_client[entry.scraper.client];
  }
  return *std::ranges::min_element(entries_, {}, [&](const Entry& entry) {
    const std::size_t many =
        entry.last.sequence == 0 ? entries_.size() + 1 : of_client[entry.scraper.client];
    return std::pair(entries_.size() + 1 - many, entry.last.when);
  });
}

void ScrapeLedger::scraped(const Scraper& scraper, std::uint64_t sequence, Usec now) {
  const std::lock_guard lock(mutex_);
  auto* entry = const_cast<Entry*>(find(scraper));
  if (entry == nullptr || entry->last.when + kActive < now) {
    if (entry == nullptr) entry = &place_for_another();
    *entry = {.scraper = scraper, .last = {sequence, now}, .before = {}};
    return;
  }
  auto& before = entry->before;
  const Usec step = scraper.least / kStepsOfLeast;
  if (before.empty() || before.back().when + step <= entry->last.when) {
    before.push_back(entry->last);
  }
  // The newest that is old enough tells all that those before it would.
  while (before.size() > 1 && before[1].when + scraper.least <= now) before.erase(before.begin());
  entry->interval_before = std::exchange(entry->interval, now - std::min(entry->last.when, now));
  entry->last = {sequence, now};
}

void ScrapeLedger::left(const Scraper& scraper) {
  const std::lock_guard lock(mutex_);
  if (auto* entry = const_cast<Entry*>(find(scraper))) *entry = {};
}

std::uint64_t ScrapeLedger::seen_by(const Scraper& scraper, Usec now) const {
  const std::lock_guard lock(mutex_);
  const Entry* entry = find(scraper);
  return entry == nullptr ? 0 : entry->seen(now);
}

std::uint64_t ScrapeLedger::last_of(const Scraper& scraper) const {
  const std::lock_guard lock(mutex_);
  const Entry* entry = find(scraper);
  return entry != nullptr ? entry->last.sequence : 0;
}

std::uint64_t ScrapeLedger::seen_by_all(Usec now) const {
  const std::lock_guard lock(mutex_);
  std::uint64_t seen = 0;
  bool any = false;
  for (const Entry& entry : entries_) {
    if (!entry.active(now)) continue;
    seen = any ? std::min(seen, entry.seen(now)) : entry.seen(now);
    any = true;
  }
  return seen;
}

}  // namespace cgwarden::exporters
