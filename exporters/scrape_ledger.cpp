#include "exporters/scrape_ledger.h"

#include <algorithm>

namespace cgwarden::exporters {
namespace {

// Who has come once and not again in this time is no Prometheus.
constexpr Usec kOnce{60'000'000};
constexpr Usec kActive{limits::kGoneSeconds * 1'000'000};

}  // namespace

void ScrapeLedger::scraped(std::string_view peer, std::uint64_t sequence, Usec now) {
  const std::lock_guard lock(mutex_);
  auto* found = std::ranges::find_if(
      scrapers_, [&](const Scraper& scraper) { return scraper.last != 0 && scraper.peer == peer; });
  if (found == scrapers_.end() || found->when + kActive < now) {
    if (found == scrapers_.end()) found = std::ranges::min_element(scrapers_, {}, &Scraper::when);
    *found = {std::string(peer), 0, 0, now};
  }
  found->before = found->last;
  found->last = sequence;
  found->when = now;
}

std::uint64_t ScrapeLedger::seen_twice(Usec now) const {
  const std::lock_guard lock(mutex_);
  std::uint64_t seen = 0;
  bool any = false;
  for (const Scraper& scraper : scrapers_) {
    if (scraper.last == 0 || scraper.when + kActive < now) continue;
    if (scraper.before == 0 && scraper.when + kOnce < now) continue;
    seen = any ? std::min(seen, scraper.before) : scraper.before;
    any = true;
  }
  return seen;
}

}  // namespace cgwarden::exporters
