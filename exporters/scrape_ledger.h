#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "base/limits.h"
#include "base/units.h"

namespace cgwarden::exporters {

// Which snapshots every scraper has had, so that the last values of a gone cgroup are shown to each
// of them twice and then not any more: a rate over what was seen once is nothing. Thread-safe.
class ScrapeLedger {
 public:
  // `peer`: its address without the port. `sequence`: of the snapshot it got. Over kScrapers the
  // one not seen for longest is forgotten.
  void scraped(std::string_view peer, std::uint64_t sequence, Usec now);
  // What was in this snapshot and the ones before has been scraped twice by each scraper of the
  // last kGoneSeconds. 0: nothing, or there is no scraper.
  [[nodiscard]] std::uint64_t seen_twice(Usec now) const;

 private:
  struct Scraper {
    std::string peer;
    std::uint64_t last = 0;  // sequence of its last scrape and of the one before; 0: none
    std::uint64_t before = 0;
    Usec when{0};
  };
  mutable std::mutex mutex_;
  std::array<Scraper, limits::kScrapers> scrapers_;
};

}  // namespace cgwarden::exporters
