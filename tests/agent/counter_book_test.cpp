#include "agent/counter_book.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace cgwarden::agent {
namespace {

using diagnosis::VerdictClass;

cgroup::Sample payload(std::uint64_t id, std::uint64_t throttled_usec, std::uint64_t high) {
  cgroup::Sample sample;
  sample.id = CgroupId{id};
  sample.cpu_stat.emplace().throttled_usec = throttled_usec;
  sample.memory_events.emplace().high = high;
  return sample;
}

TEST(CounterBookTest, EverySeriesOfAWorkloadIsBornAtZero) {
  CounterBook book;
  book.born("web");
  const auto all = book.all();
  ASSERT_EQ(all.size(), 1U);
  // increase() over a counter first seen at 1 is 0: every death class and reason must exist before
  // it happens.
  EXPECT_EQ(all[0].deaths.size(), diagnosis::all_verdict_classes().size() - 1);
  EXPECT_FALSE(all[0].deaths.contains(VerdictClass::throttled));
  for (const auto& [verdict, count] : all[0].deaths) EXPECT_EQ(count, 0U);
  EXPECT_EQ(all[0].restarts.size(), 4U);
}

TEST(CounterBookTest, AddsOverIncarnationsThatEachCountFromZero) {
  CounterBook book;
  book.observe("web", payload(1, 100, 2));
  book.observe("web", payload(1, 150, 2));
  book.observe("web", payload(2, 30, 1));  // a new cgroup: its counters began at 0
  EXPECT_EQ(book.all()[0].throttled_usec, 180U);
  EXPECT_EQ(book.all()[0].memory_high_events, 3U);
}

TEST(CounterBookTest, AMissingCounterIsNotAReset) {
  CounterBook book;
  book.observe("web", payload(1, 100, 2));
  cgroup::Sample blind;
  blind.id = CgroupId{1};
  book.observe("web", blind);
  book.observe("web", payload(1, 110, 2));
  EXPECT_EQ(book.all()[0].throttled_usec, 110U);
}

TEST(CounterBookTest, SurvivesTheAgentThroughTheStore) {
  std::string pattern = testing::TempDir() + "cgwarden-book-XXXXXX";
  const std::string directory = ::mkdtemp(pattern.data());
  {
    auto store = diagnosis::StoreWriter::open(directory + "/store.db", 1);
    ASSERT_TRUE(store);
    CounterBook book;
    book.started("web");
    diagnosis::Verdict verdict;
    verdict.workload = "web";
    verdict.verdict = VerdictClass::oom_own_limit;
    book.died(verdict);
    book.restarted("web", "oom");
    book.observe("web", payload(1, 100, 2));
    ASSERT_TRUE(book.save(*store));
  }
  auto store = diagnosis::StoreWriter::open(directory + "/store.db", 2);
  ASSERT_TRUE(store);
  CounterBook book;
  ASSERT_TRUE(book.load(*store));
  book.observe("web", payload(9, 5, 0));
  const auto all = book.all();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].starts, 1U);
  EXPECT_EQ(all[0].deaths.at(VerdictClass::oom_own_limit), 1U);
  EXPECT_EQ(all[0].restarts.at("oom"), 1U);
  EXPECT_EQ(all[0].throttled_usec, 105U);
  // A forgotten workload has no series, now and for the next agent; others keep theirs.
  book.started("other");
  ASSERT_TRUE(book.save(*store));
  ASSERT_TRUE(book.forget("web", *store));
  ASSERT_TRUE(book.save(*store));
  CounterBook next;
  ASSERT_TRUE(next.load(*store));
  ASSERT_EQ(next.all().size(), 1U);
  EXPECT_EQ(next.all()[0].workload, "other");
  EXPECT_EQ(book.all().size(), 1U);
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace cgwarden::agent
