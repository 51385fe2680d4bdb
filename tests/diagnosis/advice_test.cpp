// What is added to a verdict: who filled the memory, what a restart will not free, what the last
// words hint at.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "diagnosis/diagnose.h"
#include "tests/diagnosis/scenario.h"

namespace cgwarden::diagnosis {
namespace {

using testing::all_text;
using ::testing::AllOf;
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

TEST(AdviceTest, OpenDescriptorsAreQuotedBesideTheWords) {
  auto scenario = Scenario().exited(1);
  scenario.death.stderr_tail = "open /etc/hosts: too many open files\n";
  scenario.death.descriptors = DeathEvidence::DescriptorUse{.pid = 41,
                                                            .comm = "web",
                                                            .open = 64,
                                                            .limit = 64,
                                                            .at = scenario.death.ended,
                                                            .at_words = true};
  auto& use = *scenario.death.descriptors;
  auto verdict = diagnose(scenario.death);
  EXPECT_THAT(verdict.contributing, Contains(HasSubstr("likely RLIMIT_NOFILE")));
  EXPECT_THAT(all_text(verdict),
              HasSubstr("/proc/PID/fd pid 41 `web` 64 descriptors open of 64 (soft RLIMIT_NOFILE), "
                        "when they came"));
  use.open = 12;
  verdict = diagnose(scenario.death);
  EXPECT_THAT(verdict.contributing,
              Contains(AllOf(HasSubstr("of a process that had ended by then, or another limit"),
                             HasSubstr("fs.inotify.max_user_instances"),
                             HasSubstr("but when they came, pid 41 `web` had 12 descriptors"))));
  // A look of some time before neither proves nor refutes.
  use.at_words = false;
  use.at.boottime = scenario.death.ended.boottime - Usec{3'000'000};
  verdict = diagnose(scenario.death);
  EXPECT_THAT(verdict.contributing,
              Contains(HasSubstr("3.00 s before its end, pid 41 `web` had 12")));
  EXPECT_THAT(verdict.contributing, Not(Contains(HasSubstr("but when"))));
  scenario.death.stderr_tail = "accept: Too many open files in system\n";
  verdict = diagnose(scenario.death);
  EXPECT_THAT(verdict.contributing, Contains(HasSubstr("fs.file-max")));
  EXPECT_THAT(all_text(verdict), Not(HasSubstr("RLIMIT_NOFILE")));
}

TEST(AdviceTest, RoomOfFileSystemsIsQuotedBesideTheWords) {
  auto scenario = Scenario().exited(1);
  scenario.death.stderr_tail = "write /tmp/x: No space left on device\n";
  scenario.death.filesystems = {
      {.mount = "/", .type = "overlay", .size = Bytes{100U << 20}, .available = Bytes{60U << 20}},
      {.mount = "/tmp", .type = "tmpfs", .size = Bytes{1U << 20}, .available = Bytes{0}}};
  auto verdict = diagnose(scenario.death);
  EXPECT_EQ(verdict.confidence, Confidence::proven);  // that it ended by itself
  EXPECT_THAT(verdict.contributing,
              Contains(AllOf(HasSubstr("likely a full disk or tmpfs"),
                             HasSubstr("/tmp (tmpfs) had 0 B of 1.0 MiB available"))));
  EXPECT_THAT(all_text(verdict), HasSubstr("statfs /tmp tmpfs: 0 B of 1.0 MiB available"));
  // Blocks there are, and nothing to name a file by.
  auto& tmp = scenario.death.filesystems[1];
  tmp.available = Bytes{1U << 19};
  tmp.inodes = 40;
  verdict = diagnose(scenario.death);
  EXPECT_THAT(verdict.contributing,
              Contains(HasSubstr("512.0 KiB of 1.0 MiB available, 0 of 40 inodes")));
  tmp.inodes_available = 20;
  verdict = diagnose(scenario.death);
  EXPECT_THAT(verdict.contributing, Contains(AllOf(HasSubstr("against which something speaks"),
                                                   HasSubstr("the least /tmp (tmpfs)"),
                                                   HasSubstr("fs.inotify.max_user_watches"))));
  EXPECT_THAT(verdict.contributing, Not(Contains(HasSubstr("likely a full disk"))));
  scenario.death.stderr_tail = "write: Disk quota exceeded\n";
  verdict = diagnose(scenario.death);
  EXPECT_THAT(verdict.contributing, Contains(HasSubstr("likely a disk quota")));
}

// std::terminate() of an exception says so and aborts.
TEST(AdviceTest, AnAbortHasLastWordsToo) {
  auto scenario = Scenario().killed(SIGABRT);
  scenario.death.stderr_tail = "terminate called after throwing 'std::bad_alloc'\n";
  const auto verdict = diagnose(scenario.death);
  EXPECT_EQ(verdict.verdict, VerdictClass::aborted);
  EXPECT_THAT(verdict.contributing, Contains(HasSubstr("likely RLIMIT_AS")));
}

}  // namespace
}  // namespace cgwarden::diagnosis
