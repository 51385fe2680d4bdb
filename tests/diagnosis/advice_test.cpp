// What is added to a verdict: who filled the memory, what a restart will not free, what the last
// words hint at.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "diagnosis/diagnose.h"
#include "tests/diagnosis/scenario.h"

namespace cgwarden::diagnosis {
namespace {

using testing::all_text;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::joined;
using testing::kMain;
using ::testing::Not;
using testing::Scenario;

Scenario own_limit_death() { return Scenario().kill_counted(0).logged(Scenario::kill_of(kMain)); }

TEST(AdviceTest, TmpfsIsNotFreedByARestart) {
  auto scenario = own_limit_death();
  auto& stat = scenario.payload().memory_stat.emplace();
  stat.shmem = std::uint64_t{60U << 20};
  const auto verdict = diagnose(scenario.death);
  EXPECT_THAT(verdict.advice,
              Contains(HasSubstr("Raising this limit will not help: 93 % is tmpfs")));
  stat.shmem = std::uint64_t{10U << 20};
  EXPECT_THAT(joined(diagnose(scenario.death).advice), Not(HasSubstr("will not help")));
}

TEST(AdviceTest, WhatIsChargedWithoutAProcessIsLeftOver) {
  auto scenario = own_limit_death();
  scenario.payload().memory_stat.emplace().anon = std::uint64_t{40U << 20};
  scenario.payload().populated = false;
  EXPECT_THAT(diagnose(scenario.death).contributing,
              Contains(HasSubstr("62 % of the limit is still charged")));
  // Somebody may hold it.
  scenario.payload().populated = true;
  EXPECT_THAT(joined(diagnose(scenario.death).contributing), Not(HasSubstr("still charged")));
}

TEST(AdviceTest, SwapThatWasUsedUpIsSaid) {
  auto scenario = own_limit_death();
  auto& payload = scenario.payload();
  payload.memory_swap_max = LimitOf<Bytes>(Bytes{16U << 20});
  payload.before.swap_events = cgroup::SwapEvents{.high = 0, .max = 0, .fail = 1};
  payload.after.swap_events = cgroup::SwapEvents{.high = 0, .max = 338, .fail = 339};
  const auto verdict = diagnose(scenario.death);
  EXPECT_THAT(verdict.contributing,
              Contains(HasSubstr("memory.swap.max = 16.0 MiB, 338 pages were refused")));
  EXPECT_THAT(all_text(verdict), HasSubstr("fail +338"));
  // No swap at all is no limit of it that was reached.
  payload.memory_swap_max = LimitOf<Bytes>(Bytes{0});
  EXPECT_THAT(joined(diagnose(scenario.death).contributing), Not(HasSubstr("swap")));
}

// The kernel does not even try to put a page into swap that is full, so that none is refused.
TEST(AdviceTest, SwapThatWasFullAtTheKillIsSaid) {
  auto record = Scenario::kill_of(kMain);
  record.swap_usage = Bytes{16U << 20};
  record.swap_limit = Bytes{16U << 20};
  auto scenario = Scenario().kill_counted(0).logged(record);
  scenario.payload().memory_swap_max = LimitOf<Bytes>(Bytes{16U << 20});
  EXPECT_THAT(diagnose(scenario.death).contributing,
              Contains(HasSubstr("its swap was used up as well: memory.swap.max = 16.0 MiB")));
  scenario.death.oom_records.front().swap_usage = Bytes{15U << 20};
  EXPECT_THAT(joined(diagnose(scenario.death).contributing), Not(HasSubstr("swap")));
}

TEST(AdviceTest, TheLargestProcessesAreShownAndGiveAVictimItsSize) {
  auto scenario = Scenario().kill_counted(0);
  scenario.death.before_death = {{kMain, "leaker", Bytes{48U << 20}},
                                 {1300, "cache", Bytes{8U << 20}}};
  const auto verdict = diagnose(scenario.death);
  EXPECT_EQ(verdict.victim->rss->value, 48U << 20);
  EXPECT_THAT(all_text(verdict), HasSubstr("statm pid 1300 `cache` RSS 8.0 MiB"));
}

TEST(AdviceTest, LastWordsHintAtLimitsThatLeaveNoTrace) {
  auto scenario = Scenario().exited(1);
  scenario.death.stderr_tail = "open: Too many open files\n";
  const auto verdict = diagnose(scenario.death);
  EXPECT_EQ(verdict.verdict, VerdictClass::exited);
  EXPECT_THAT(verdict.contributing, Contains(HasSubstr("likely RLIMIT_NOFILE")));
  scenario.exited(0);
  EXPECT_THAT(diagnose(scenario.death).contributing, IsEmpty());
}

}  // namespace
}  // namespace cgwarden::diagnosis
