#include "exporters/scrape_ledger.h"

#include <gtest/gtest.h>

namespace cgwarden::exporters {
namespace {

Usec second(std::uint64_t count) { return Usec{count * 1'000'000}; }

TEST(ScrapeLedgerTest, OneScraperSeesASnapshotTwiceWithItsNextScrape) {
  ScrapeLedger ledger;
  EXPECT_EQ(ledger.seen_twice(second(0)), 0U);
  ledger.scraped("10.0.0.1", 7, second(1));
  EXPECT_EQ(ledger.seen_twice(second(1)), 0U);
  ledger.scraped("10.0.0.1", 22, second(16));
  EXPECT_EQ(ledger.seen_twice(second(16)), 7U);
  ledger.scraped("10.0.0.1", 37, second(31));
  EXPECT_EQ(ledger.seen_twice(second(31)), 22U);
}

TEST(ScrapeLedgerTest, TheSlowestScraperDecidesAsLongAsItIsOne) {
  ScrapeLedger ledger;
  for (std::uint64_t i = 1; i < 20; ++i) ledger.scraped("fast", i, second(i));
  ledger.scraped("slow", 3, second(3));
  EXPECT_EQ(ledger.seen_twice(second(20)), 0U);
  ledger.scraped("slow", 10, second(10));
  EXPECT_EQ(ledger.seen_twice(second(20)), 3U);
  ledger.scraped("fast", 400, second(400));
  EXPECT_EQ(ledger.seen_twice(second(400)), 0U);  // back after a pause: it begins anew
  ledger.scraped("fast", 401, second(401));
  EXPECT_EQ(ledger.seen_twice(second(401)), 400U);
}

TEST(ScrapeLedgerTest, WhoCameOnceIsNotWaitedFor) {
  ScrapeLedger ledger;
  ledger.scraped("somebody's curl", 1, second(1));
  for (std::uint64_t i = 1; i < 100; ++i) ledger.scraped("prometheus", i, second(i));
  EXPECT_EQ(ledger.seen_twice(second(60)), 0U);
  EXPECT_EQ(ledger.seen_twice(second(99)), 98U);
}

TEST(ScrapeLedgerTest, ManyPeersAreBounded) {
  ScrapeLedger ledger;
  ledger.scraped("first", 1, second(1));
  for (std::uint64_t i = 0; i < limits::kScrapers; ++i) {
    for (const std::uint64_t sequence : {10, 11}) {
      ledger.scraped("peer" + std::to_string(i), sequence, second(sequence));
    }
  }
  EXPECT_EQ(ledger.seen_twice(second(12)), 10U);
}

}  // namespace
}  // namespace cgwarden::exporters
