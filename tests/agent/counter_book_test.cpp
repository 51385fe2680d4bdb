#include "agent/counter_book.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>

#include "tests/diagnosis/commits.h"
#include "tests/temporary_directory.h"

namespace cgwarden::agent {
namespace {

using diagnosis::VerdictClass;

KernelCounts payload(std::uint64_t id, std::uint64_t throttled_usec, std::uint64_t high,
                     cgroup::Count oom_kill = std::nullopt) {
  cgroup::Sample sample;
  sample.id = CgroupId{id};
  sample.cpu_stat.emplace().throttled_usec = throttled_usec;
  sample.memory_events.emplace().high = high;
  sample.memory_events->oom_kill = oom_kill;
  return counts_of(sample);
}

class StoredBookTest : public ::testing::Test {
 protected:
  std::string path() const { return directory_ + "/store.db"; }
  diagnosis::StoreWriter store() {
    auto opened = diagnosis::StoreWriter::open(path(), 1);
    EXPECT_TRUE(opened);
    return std::move(*opened);
  }
  CounterBook loaded(std::uint64_t boot) {
    CounterBook book(boot);
    EXPECT_TRUE(book.load(store()));
    return book;
  }
  TemporaryDirectory temporary_;
  const std::string directory_ = temporary_.path();
};

TEST(CounterBookTest, EverySeriesOfAWorkloadIsBornAtZero) {
  CounterBook book;
  book.born("web");
  const auto all = book.all();
  ASSERT_EQ(all.size(), 1U);
  // increase() over a counter first seen at 1 is 0: every death class and reason must exist before
  // it happens.
  for (const auto verdict : diagnosis::all_verdict_classes()) {
    EXPECT_EQ(all[0].deaths.contains(verdict), diagnosis::is_of_death(verdict))
        << to_string(verdict);
  }
  EXPECT_FALSE(all[0].deaths.contains(VerdictClass::throttled));
  for (const auto& [verdict, count] : all[0].deaths) EXPECT_EQ(count, 0U);
  EXPECT_EQ(all[0].restarts.size(), 5U);
}

// memory.oom.group: the chosen process is counted, then each of the group, then the group.
TEST(CounterBookTest, AGroupKillIsOneIncidentWheneverItIsRead) {
  CounterBook book;
  const auto observe = [&](std::uint64_t kills, std::uint64_t groups) {
    cgroup::Sample sample;
    sample.id = CgroupId{7};
    sample.memory_events.emplace().oom_kill = kills;
    sample.memory_events->oom_group_kill = groups;
    book.observe("web", counts_of(sample));
    return book.all()[0].oom_kills;
  };
  EXPECT_EQ(observe(1, 0), 1U);
  EXPECT_EQ(observe(1, 1), 1U);
  EXPECT_EQ(observe(4, 1), 1U);
  EXPECT_EQ(observe(5, 1), 1U);
  EXPECT_EQ(observe(8, 2), 2U);
}

TEST(CounterBookTest, GroupKillsAndSingleOnesOfOneCgroupAddUp) {
  CounterBook book;
  const auto observe = [&](std::uint64_t kills, std::uint64_t groups) {
    cgroup::Sample sample;
    sample.id = CgroupId{7};
    sample.memory_events.emplace().oom_kill = kills;
    sample.memory_events->oom_group_kill = groups;
    book.observe("web", counts_of(sample));
    return book.all()[0].oom_kills;
  };
  EXPECT_EQ(observe(5, 0), 5U);
  EXPECT_EQ(observe(5, 0), 5U);
  EXPECT_EQ(observe(9, 1), 6U);
  EXPECT_EQ(observe(9, 1), 6U);
  EXPECT_EQ(observe(10, 1), 7U);
  EXPECT_EQ(observe(10, 1), 7U);
  EXPECT_EQ(observe(18, 3), 9U);
  EXPECT_EQ(observe(10, 1), 9U);  // an older reading
}

// The chosen process is counted first, and was all there was to read.
TEST(CounterBookTest, TheFirstKillOfAGroupIsNotCountedTwice) {
  CounterBook book;
  const auto observe = [&](std::uint64_t kills, std::uint64_t groups) {
    KernelCounts counts;
    counts.id = CgroupId{7};
    counts.oom_kill = kills;
    counts.oom_group_kill = groups;
    book.observe("web", counts);
    return book.all()[0].oom_kills;
  };
  EXPECT_EQ(observe(1, 0), 1U);
  EXPECT_EQ(observe(4, 1), 1U);
  EXPECT_EQ(observe(4, 1), 1U);
  EXPECT_EQ(observe(5, 1), 2U);
  EXPECT_EQ(observe(5, 1), 2U);  // read again in between
  EXPECT_EQ(observe(5, 2), 2U);
}

TEST_F(StoredBookTest, AnAdoptedCgroupsGroupKillsAreNotCountedAgain) {
  KernelCounts counts;
  counts.id = CgroupId{1};
  counts.oom_kill = 8;
  counts.oom_group_kill = 2;
  {
    CounterBook book(7);
    EXPECT_EQ(book.observe("web", counts), 2U);
    auto opened = store();
    ASSERT_TRUE(book.save(opened));
  }
  CounterBook next = loaded(7);
  EXPECT_EQ(next.observe("web", counts), 0U);
  counts.oom_kill = 12;
  counts.oom_group_kill = 3;
  EXPECT_EQ(next.observe("web", counts), 1U);
  EXPECT_EQ(next.all()[0].oom_kills, 3U);
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
  book.observe("web", counts_of(blind));
  book.observe("web", payload(1, 110, 2));
  EXPECT_EQ(book.all()[0].throttled_usec, 110U);
}

TEST(CounterBookTest, AnOlderReadingAddsNothing) {
  CounterBook book;
  EXPECT_EQ(book.observe("web", payload(1, 100, 2, 3)), 3U);
  EXPECT_EQ(book.observe("web", payload(1, 90, 1, 2)), 0U);
  EXPECT_EQ(book.observe("web", payload(1, 100, 2, 4)), 1U);
  EXPECT_EQ(book.all()[0].throttled_usec, 100U);
  EXPECT_EQ(book.all()[0].memory_high_events, 2U);
  EXPECT_EQ(book.all()[0].oom_kills, 4U);
}

TEST_F(StoredBookTest, AnAdoptedCgroupIsNotCountedAgain) {
  {
    CounterBook book(7);
    book.observe("web", payload(1, 100, 2, 3));
    auto opened = store();
    ASSERT_TRUE(book.save(opened));
  }
  CounterBook next = loaded(7);
  EXPECT_EQ(next.observe("web", payload(1, 130, 2, 4)), 1U);
  EXPECT_EQ(next.all()[0].throttled_usec, 130U);
  EXPECT_EQ(next.all()[0].memory_high_events, 2U);
  EXPECT_EQ(next.all()[0].oom_kills, 4U);
}

TEST_F(StoredBookTest, TheSameCgroupIdAfterARebootIsAnotherCgroup) {
  {
    CounterBook book(7);
    book.observe("web", payload(1, 100, 2, 3));
    auto opened = store();
    ASSERT_TRUE(book.save(opened));
  }
  CounterBook next = loaded(8);
  next.observe("web", payload(1, 130, 0, 0));
  EXPECT_EQ(next.all()[0].throttled_usec, 230U);
  EXPECT_EQ(next.all()[0].oom_kills, 3U);
}

TEST_F(StoredBookTest, ASaveIsOneTransactionHoweverManyWorkloads) {
  CounterBook book(7);
  for (int i = 0; i < 100; ++i) {
    book.started("w" + std::to_string(i));
    book.observe("w" + std::to_string(i), payload(static_cast<std::uint64_t>(i) + 1, 5, 0));
  }
  auto opened = store();
  const auto before = diagnosis::testing::commits_of(path());
  ASSERT_TRUE(book.save(opened));
  EXPECT_EQ(diagnosis::testing::commits_of(path()), before + 1);
  ASSERT_TRUE(book.save(opened));  // nothing changed
  EXPECT_EQ(diagnosis::testing::commits_of(path()), before + 1);
  diagnosis::Verdict verdict;
  verdict.workload = "w5";
  verdict.verdict = VerdictClass::exited;
  book.died(verdict);
  ASSERT_TRUE(book.save(opened, {&verdict, 1}));
  EXPECT_EQ(diagnosis::testing::commits_of(path()), before + 2);
  EXPECT_EQ(loaded(7).all().size(), 100U);
}

TEST(BootNumberTest, TellsBootsApart) {
  EXPECT_EQ(boot_number("00000000-0000-0ff0-8000-000000000000"), 0xff0U >> 4U);
  EXPECT_NE(boot_number("b3c9a1d2-6c8e-4f3b-9a17-0123456789ab"),
            boot_number("b3c9a1d2-6c8e-5f3b-9a17-0123456789ab"));
  EXPECT_EQ(boot_number(""), 0U);
  EXPECT_EQ(boot_number("not a boot id at all"), 0U);
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
