#include "exporters/scrape_ledger.h"

#include <gtest/gtest.h>

namespace cgwarden::exporters {
namespace {

constexpr Usec seconds_of(std::uint64_t count) { return Usec{count * 1'000'000}; }
const Scraper kScraper{"10.0.0.1", "metrics"};
const Scraper kSecondScraper{"10.0.0.2", "metrics"};
// Perhaps several: what goes is shown to them for half a minute.
const Scraper kSeveralScrapers{"10.0.0.3", "metrics", seconds_of(30)};

TEST(ScrapeLedgerTest, OneScraperSeesASnapshotTwiceWithItsNextScrape) {
  ScrapeLedger ledger;
  EXPECT_EQ(ledger.seen_by_all(seconds_of(0)), 0U);
  EXPECT_EQ(ledger.seen_by(kScraper, seconds_of(0)), 0U);
  ledger.scraped(kScraper, 7, seconds_of(1));
  EXPECT_EQ(ledger.seen_by_all(seconds_of(1)), 0U);
  ledger.scraped(kScraper, 22, seconds_of(16));
  EXPECT_EQ(ledger.seen_by_all(seconds_of(16)), 7U);
  EXPECT_EQ(ledger.seen_by(kScraper, seconds_of(16)), 7U);
  ledger.scraped(kScraper, 37, seconds_of(31));
  EXPECT_EQ(ledger.seen_by_all(seconds_of(31)), 22U);
}

// Somebody who looked twice must not make the others show what went for minutes.
TEST(ScrapeLedgerTest, WhatOneHasSeenDoesNotWaitForAnother) {
  ScrapeLedger ledger;
  for (std::uint64_t i = 1; i <= 2; ++i) ledger.scraped(kSecondScraper, i, seconds_of(i));
  for (std::uint64_t i = 15; i <= 60; i += 15) ledger.scraped(kScraper, i, seconds_of(i));
  EXPECT_EQ(ledger.seen_by(kScraper, seconds_of(60)), 45U);
  EXPECT_EQ(ledger.seen_by(kSecondScraper, seconds_of(60)), 1U);
  EXPECT_EQ(ledger.seen_by({"10.0.0.1", "cadvisor"}, seconds_of(60)), 0U);
  // It is waited for until it has missed some of its intervals, at least a minute.
  EXPECT_EQ(ledger.seen_by_all(seconds_of(62)), 1U);
  EXPECT_EQ(ledger.seen_by_all(seconds_of(63)), 45U);
}

TEST(ScrapeLedgerTest, TheSlowestScraperDecidesAsLongAsItIsOne) {
  ScrapeLedger ledger;
  ledger.scraped(kSecondScraper, 3, seconds_of(3));
  ledger.scraped(kSecondScraper, 83, seconds_of(83));
  // Its third interval after that ends at 323.
  for (std::uint64_t i = 84; i <= 323; ++i) ledger.scraped(kScraper, i, seconds_of(i));
  EXPECT_EQ(ledger.seen_by_all(seconds_of(323)), 3U);
  EXPECT_EQ(ledger.seen_by_all(seconds_of(324)), 322U);
  ledger.scraped(kSecondScraper, 600, seconds_of(600));
  EXPECT_EQ(ledger.seen_by(kSecondScraper, seconds_of(600)), 0U);  // back after a pause: anew
}

TEST(ScrapeLedgerTest, WhoCameOnceIsNotWaitedFor) {
  ScrapeLedger ledger;
  ledger.scraped(kSecondScraper, 1, seconds_of(1));
  for (std::uint64_t i = 1; i < 100; ++i) ledger.scraped(kScraper, i, seconds_of(i));
  EXPECT_EQ(ledger.seen_by_all(seconds_of(60)), 0U);
  EXPECT_EQ(ledger.seen_by_all(seconds_of(99)), 98U);
}

TEST(ScrapeLedgerTest, WhoMayBeSeveralIsShownItForAWhile) {
  ScrapeLedger ledger;
  std::uint64_t tenth = 0;
  // A loop that scrapes three times a second; one snapshot a scrape.
  for (; tenth < 900; tenth += 3) {
    ledger.scraped(kSeveralScrapers, tenth + 1, Usec{tenth * 100'000});
    const std::uint64_t seen = ledger.seen_by(kSeveralScrapers, Usec{tenth * 100'000});
    if (tenth <= 300) {
      EXPECT_LE(seen, 1U) << tenth;
    }
    if (tenth > 400) {
      EXPECT_LE(seen, tenth - 300 + 1);  // at least 30 s
      EXPECT_GE(seen, tenth - 360);      // and not much more
    }
  }
}

TEST(ScrapeLedgerTest, TwoScrapesEvenWhenTheyAreFarApart) {
  ScrapeLedger ledger;
  for (std::uint64_t i = 1; i <= 4; ++i) ledger.scraped(kSeveralScrapers, i, seconds_of(i * 60));
  EXPECT_EQ(ledger.seen_by(kSeveralScrapers, seconds_of(240)), 3U);
  EXPECT_EQ(ledger.seen_by(kSeveralScrapers, seconds_of(299)),
            3U);  // the last one has none after it
}

TEST(ScrapeLedgerTest, WhoLeftIsNotWaitedFor) {
  ScrapeLedger ledger;
  for (std::uint64_t i = 1; i < 10; ++i) ledger.scraped(kScraper, i, seconds_of(i));
  ledger.scraped(kSecondScraper, 5, seconds_of(5));
  ledger.left(kSecondScraper);
  ledger.left(kSeveralScrapers);  // never came
  EXPECT_EQ(ledger.seen_by_all(seconds_of(10)), 8U);
}

TEST(ScrapeLedgerTest, ManyFacesOfOneClientDoNotPushTheOthersOut) {
  ScrapeLedger ledger;
  ledger.scraped(kScraper, 1, seconds_of(1));
  ledger.scraped(kScraper, 2, seconds_of(2));
  for (std::uint64_t i = 0; i < 3 * limits::kScrapers; ++i) {
    for (const std::uint64_t sequence : {10, 11}) {
      ledger.scraped({"10.0.0.9", std::to_string(i)}, sequence, seconds_of(sequence));
    }
  }
  EXPECT_EQ(ledger.seen_by(kScraper, seconds_of(12)), 1U);
  EXPECT_EQ(ledger.seen_by_all(seconds_of(12)), 1U);
}

}  // namespace
}  // namespace cgwarden::exporters
