#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/units.h"

namespace cgwarden::exporters {

// Who scrapes a page, as far as its requests tell.
struct Scraper {
  std::string client;  // its address; "" for all of a unix socket
  std::string which;   // of those there: the page, and what else tells them apart
  Usec least{0};       // over 0: it may be several, and a gone cgroup is shown so long at least
  bool operator==(const Scraper&) const = default;
};

// Which snapshots every scraper has had, so that the last values of a gone cgroup are shown to each
// of them in two of its own scrapes and then not any more: a rate over what was seen once is
// nothing, and what stays is counted beside its successor. Thread-safe.
class ScrapeLedger {
 public:
  // `sequence`: of the snapshot it got. Over kScrapers the one not seen for longest is forgotten,
  // of the client that has most of them.
  void scraped(const Scraper& scraper, std::uint64_t sequence, Usec now);
  // It will not come again.
  void left(const Scraper& scraper);
  // What had gone in this snapshot and the ones before need not be shown to it now. 0: nothing.
  [[nodiscard]] std::uint64_t seen_by(const Scraper& scraper, Usec now) const;
  // The snapshot that it got last. 0: none.
  [[nodiscard]] std::uint64_t last_of(const Scraper& scraper) const;
  // What had gone in this snapshot and the ones before is seen by each that still scrapes: one that
  // came once is waited for a minute, another for three of its intervals (at least a minute, at
  // most kGoneSeconds). 0: nothing, or there is no scraper.
  [[nodiscard]] std::uint64_t seen_by_all(Usec now) const;

 private:
  struct Scrape {
    std::uint64_t sequence = 0;  // 0: none
    Usec when{0};
  };
  struct Entry {
    Scraper scraper;
    Scrape last;
    std::vector<Scrape> before;  // the newest that is old enough, and a few younger ones
    Usec interval{0};            // the longer one of the last two
    Usec interval_before{0};

    [[nodiscard]] std::uint64_t seen(Usec now) const;
    [[nodiscard]] bool active(Usec now) const;
  };
  [[nodiscard]] const Entry* find(const Scraper& scraper) const;
  [[nodiscard]] Entry& place_for_another();

  mutable std::mutex mutex_;
  std::array<Entry, limits::kScrapers> entries_;
};

}  // namespace cgwarden::exporters
