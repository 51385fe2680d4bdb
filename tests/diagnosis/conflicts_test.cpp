// Evidence that disagrees, lacks a part or was made by an adversary.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "diagnosis/diagnose.h"
#include "tests/diagnosis/scenario.h"

namespace cgwarden::diagnosis {
namespace {

using testing::all_text;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::joined;
using testing::kMain;
using testing::kPayload;
using testing::kScope;
using testing::kSlice;
using ::testing::Not;
using testing::Scenario;

TEST(ConflictTest, AChildsOomDoesNotExplainASigkillOfTheMainProcess) {
  const Verdict verdict =
      diagnose(Scenario().kill_counted(0).logged(Scenario::kill_of(1300)).death);
  EXPECT_EQ(verdict.verdict, VerdictClass::killed_by_user);
  EXPECT_EQ(verdict.confidence, Confidence::likely);
  EXPECT_FALSE(verdict.victim);
  EXPECT_THAT(joined(verdict.contributing), HasSubstr("pid 1300"));
}

TEST(ConflictTest, ALostLogMayHaveHeldTheMainProcess) {
  const Verdict verdict = diagnose(
      Scenario().kill_counted(0).logged(Scenario::kill_of(1300)).lost("kernel log: gap").death);
  EXPECT_EQ(verdict.verdict, VerdictClass::oom_own_limit);
  EXPECT_EQ(verdict.confidence, Confidence::likely);
  EXPECT_FALSE(verdict.victim);
}

TEST(ConflictTest, TwoKillsOneLineLeavesTheOther) {
  const Verdict verdict =
      diagnose(Scenario().kill_counted(0, 0, 2).logged(Scenario::kill_of(1300)).death);
  EXPECT_EQ(verdict.verdict, VerdictClass::oom_own_limit);
  EXPECT_EQ(verdict.confidence, Confidence::likely);
}

TEST(ConflictTest, ALogAgainstTheCountersIsShownAndNotBelieved) {
  const Verdict verdict = diagnose(Scenario().logged(Scenario::kill_of(kMain)).death);
  EXPECT_EQ(verdict.verdict, VerdictClass::killed_by_user);
  EXPECT_EQ(verdict.confidence, Confidence::likely);
  EXPECT_THAT(joined(verdict.contributing), HasSubstr("names pid 1234 as an OOM victim"));
}

TEST(ConflictTest, TheLogTellsWhichOfTwoLimits) {
  const Verdict nearer = diagnose(
      Scenario().kill_counted(1).kill_counted(2).logged(Scenario::kill_of(kMain, kSlice)).death);
  EXPECT_EQ(nearer.verdict, VerdictClass::oom_ancestor_limit);
  EXPECT_EQ(nearer.limit->cgroup, kSlice);
  const Verdict own = diagnose(Scenario()
                                   .kill_counted(0)
                                   .kill_counted(2)
                                   .logged(Scenario::kill_of(1300))
                                   .logged(Scenario::kill_of(kMain, kSlice))
                                   .death);
  EXPECT_EQ(own.verdict, VerdictClass::oom_ancestor_limit);
  EXPECT_EQ(own.confidence, Confidence::proven);
}

TEST(ConflictTest, TwoLimitsWithoutALogAreLikelyAtMost) {
  const Verdict verdict = diagnose(Scenario().kill_counted(0).kill_counted(2).death);
  EXPECT_EQ(verdict.confidence, Confidence::likely);
  EXPECT_THAT(joined(verdict.contributing), HasSubstr("more than one limit"));
}

TEST(ConflictTest, TheLogBlamesALimitThatCountedNothing) {
  const Verdict verdict =
      diagnose(Scenario().global_kill_counted().logged(Scenario::kill_of(kMain, kSlice)).death);
  EXPECT_EQ(verdict.confidence, Confidence::likely);
  EXPECT_THAT(joined(verdict.contributing), HasSubstr("no `oom` was counted there"));
}

TEST(ConflictTest, ALimitsKillThatNobodyCountedIsUnresolved) {
  const Verdict verdict =
      diagnose(Scenario().global_kill_counted().logged(Scenario::bare_kill_of(kMain)).death);
  EXPECT_EQ(verdict.verdict, VerdictClass::unknown);
  EXPECT_THAT(verdict.answer, HasSubstr("OOM killer"));
}

// What a verdict says of the time of the counters is what was looked at.
TEST(OutlivedTest, SaysWhichTimeItSpeaksOf) {
  const Verdict killed = diagnose(Scenario().kill_counted(0, 0, 2).outlived_that(3600).death);
  EXPECT_THAT(joined(killed.ruled_out), HasSubstr("all 2 OOM kills"));
  EXPECT_THAT(joined(killed.contributing), HasSubstr("oom_kill +2"));
  const Verdict oom = diagnose(Scenario().kill_counted(2).outlived_that().kill_counted(0).death);
  EXPECT_THAT(joined(oom.ruled_out), HasSubstr("since the main process was last seen unharmed"));
  EXPECT_THAT(joined(oom.ruled_out), Not(HasSubstr("in this run")));
}

TEST(OutlivedTest, WhatWasLostBeforeIsSaidAndWeighsNothing) {
  Scenario scenario;
  scenario.kill_counted(0).outlived_that().death.lost_earlier = {"kernel log: 12 records"};
  const Verdict verdict = diagnose(scenario.death);
  EXPECT_EQ(verdict.verdict, VerdictClass::killed_by_user);
  EXPECT_EQ(verdict.confidence, Confidence::strong);
  EXPECT_THAT(joined(verdict.evidence_lost), HasSubstr("12 records"));
  scenario.lost("kernel log: 3 records");
  EXPECT_EQ(diagnose(scenario.death).confidence, Confidence::likely);
}

// Of a run whose start nobody saw, a later look proves nothing either.
TEST(OutlivedTest, CountersSmallerThanBeforeAreNotBelieved) {
  Scenario scenario;
  scenario.kill_counted(0).outlived_that();
  scenario.payload().before.memory_events_local = testing::events(9, 9);
  scenario.payload().before.memory_events = testing::events(9, 9);
  EXPECT_EQ(diagnose(scenario.death).confidence, Confidence::likely);
}

TEST(MissingTest, TheLogAloneIsNoProof) {
  Scenario scenario;
  scenario.starts_unseen().kill_counted(0).logged(Scenario::kill_of(kMain));
  const Verdict verdict = diagnose(scenario.death);
  EXPECT_EQ(verdict.verdict, VerdictClass::oom_own_limit);
  EXPECT_EQ(verdict.confidence, Confidence::strong);  // log and wait status
  scenario.nobody_saw_the_status();
  EXPECT_EQ(diagnose(scenario.death).confidence, Confidence::likely);
}

TEST(MissingTest, NoCgroupAtAll) {
  Scenario scenario;
  scenario.death.cgroups.clear();
  const Verdict blind = diagnose(scenario.death);
  EXPECT_EQ(blind.verdict, VerdictClass::killed_by_user);
  EXPECT_EQ(blind.confidence, Confidence::likely);
  EXPECT_THAT(blind.answer, HasSubstr("most likely"));
  EXPECT_THAT(blind.evidence_lost, Not(IsEmpty()));
  scenario.logged(Scenario::kill_of(kMain));
  const Verdict logged = diagnose(scenario.death);
  EXPECT_EQ(logged.verdict, VerdictClass::unknown);
  EXPECT_THAT(logged.answer, HasSubstr("OOM killer"));
}

TEST(MissingTest, AnUnseenAncestorForbidsGlobalByElimination) {
  Scenario scenario;
  scenario.global_kill_counted().slice().before = {};
  const Verdict unseen = diagnose(scenario.death);
  EXPECT_EQ(unseen.verdict, VerdictClass::unknown);
  EXPECT_THAT(unseen.answer, HasSubstr("OOM killer"));
  Scenario cut;
  cut.global_kill_counted().death.cgroups.resize(1);
  EXPECT_NE(diagnose(cut.death).verdict, VerdictClass::oom_global);
  // The top of a delegated subtree calls itself "/" but has a memory.events: there is more above.
  Scenario delegated;
  delegated.global_kill_counted().death.cgroups.back().after.memory_events = testing::events(0, 1);
  EXPECT_NE(diagnose(delegated.death).verdict, VerdictClass::oom_global);
}

TEST(MissingTest, CountersThatGoBackwardsAreNotBelieved) {
  Scenario scenario;
  for (auto& cgroup : scenario.death.cgroups) {
    cgroup.before.memory_events = testing::events(5, 5);
    cgroup.before.memory_events_local = testing::events(5, 5);
  }
  const Verdict verdict = diagnose(scenario.death);
  EXPECT_EQ(verdict.confidence, Confidence::likely);
  EXPECT_THAT(verdict.answer, HasSubstr("most likely"));
}

TEST(GroupKillTest, OomKillIsNotTheNumberOfProcesses) {
  Scenario scenario;
  scenario.kill_counted(0, 0, 3)
      .logged(Scenario::kill_of(1300))
      .logged(Scenario::bare_kill_of(kMain));
  scenario.payload().after.memory_events_local->oom_group_kill = 1;
  const Verdict verdict = diagnose(scenario.death);
  EXPECT_EQ(verdict.verdict, VerdictClass::oom_own_limit);
  EXPECT_EQ(verdict.subject, Subject::cgroup);
  EXPECT_THAT(joined(verdict.contributing), HasSubstr("memory.oom.group is 1 in " + kPayload));
  EXPECT_THAT(all_text(verdict), Not(ContainsRegex("3 (other )?process")));
  const Verdict exited = diagnose(scenario.exited(1).death);
  EXPECT_THAT(joined(exited.contributing), HasSubstr("not the number of processes"));
}

// Whoever was init's pid: it was in the group, and nobody but the kernel sent a signal.
TEST(GroupKillTest, OfAKilledInitIsProvenWhereSignalsWereWatched) {
  Scenario scenario;
  scenario.init_killed(SIGKILL).kill_counted(0, 0, 3).logged(Scenario::kill_of(1300));
  EXPECT_EQ(diagnose(scenario.death).confidence, Confidence::likely);
  scenario.payload().after.memory_events_local->oom_group_kill = 1;
  EXPECT_EQ(diagnose(scenario.death).confidence, Confidence::likely);
  scenario.death.signals.watched = true;
  const Verdict verdict = diagnose(scenario.death);
  EXPECT_EQ(verdict.verdict, VerdictClass::oom_own_limit);
  EXPECT_EQ(verdict.confidence, Confidence::proven) << all_text(verdict);
  // Of somebody, whom it may have been for.
  SignalSent killed;
  killed.signal = SIGKILL;
  killed.target = 1199;
  killed.sender.pid = 812;
  scenario.death.signals.records.push_back(killed);
  EXPECT_EQ(diagnose(scenario.death).confidence, Confidence::likely);
}

TEST(GroupKillTest, ASiblingsCollateralDeathNamesTheAncestor) {
  Scenario scenario;
  scenario.kill_counted(2).slice().after.memory_events_local->oom_group_kill = 1;
  const Verdict verdict = diagnose(scenario.death);
  EXPECT_EQ(verdict.verdict, VerdictClass::oom_ancestor_limit);
  EXPECT_THAT(joined(verdict.contributing), HasSubstr("memory.oom.group is 1 in " + kSlice + ":"));
}

// A bare line behind a group kill may be a member of the group, or the next kill.
TEST(GroupKillTest, AnInheritedLimitNeedsTheCountersWord) {
  auto bare = Scenario::kill_of(kMain, kSlice);
  bare.limit_inherited = true;
  const Verdict certain = diagnose(Scenario().kill_counted(2).logged(bare).death);
  EXPECT_EQ(certain.verdict, VerdictClass::oom_ancestor_limit);
  EXPECT_EQ(certain.confidence, Confidence::proven);
  const Verdict doubtful = diagnose(Scenario().kill_counted(2).kill_counted(0).logged(bare).death);
  EXPECT_EQ(doubtful.confidence, Confidence::likely) << all_text(doubtful);
  EXPECT_THAT(joined(doubtful.contributing), HasSubstr("no dump of this kill"));
}

TEST(StopTest, WhatWeDidNotSendIsNotOurStop) {
  const Verdict killed = diagnose(Scenario().sent(SIGTERM).death);
  EXPECT_EQ(killed.verdict, VerdictClass::killed_by_user);
  EXPECT_EQ(killed.confidence, Confidence::likely);
  EXPECT_THAT(joined(killed.contributing), HasSubstr("cgwarden had sent SIGTERM"));
  const Verdict crashed = diagnose(Scenario().killed(SIGSEGV).sent(SIGTERM).death);
  EXPECT_EQ(crashed.verdict, VerdictClass::segfault);
  EXPECT_THAT(joined(crashed.contributing), HasSubstr("cgwarden had sent SIGTERM"));
}

TEST(StopTest, AnOomKillDuringTheStopIsAnOom) {
  EXPECT_EQ(diagnose(Scenario().kill_counted(0).sent(SIGTERM).death).verdict,
            VerdictClass::oom_own_limit);
  const auto logged =
      Scenario().kill_counted(0).logged(Scenario::kill_of(kMain)).sent(SIGTERM).sent(SIGKILL);
  EXPECT_EQ(diagnose(logged.death).verdict, VerdictClass::oom_own_limit);
  // Our SIGKILL or the kernel's: the log, which would tell, has no line.
  const Verdict either = diagnose(Scenario().kill_counted(0).sent(SIGTERM).sent(SIGKILL).death);
  EXPECT_EQ(either.verdict, VerdictClass::stopped);
  EXPECT_EQ(either.confidence, Confidence::likely);
}

TEST(StopTest, AnActionAfterTheEndIsNotItsCause) {
  Scenario scenario;
  scenario.exited(3).sent(SIGTERM).death.own_actions[0].boottime = Usec(99'000'000);
  const Verdict verdict = diagnose(scenario.death);
  EXPECT_EQ(verdict.verdict, VerdictClass::exited);
  EXPECT_THAT(verdict.contributing, IsEmpty());
}

TEST(ExitTest, CodesOfShellsAndLaunchersAreExplained) {
  EXPECT_THAT(joined(diagnose(Scenario().exited(125).death).advice), HasSubstr("launchers"));
  EXPECT_THAT(joined(diagnose(Scenario().exited(126).death).advice), HasSubstr("not executable"));
  EXPECT_THAT(joined(diagnose(Scenario().exited(127).death).advice), HasSubstr("not found"));
  EXPECT_THAT(diagnose(Scenario().exited(0).death).advice, IsEmpty());
  EXPECT_THAT(joined(diagnose(Scenario().exited(137).death).ruled_out),
              HasSubstr("exit code 137 is the program's own"));
}

TEST(ContributingTest, AChildsOomIsToldWithACrash) {
  const Verdict verdict =
      diagnose(Scenario().kill_counted(0).logged(Scenario::kill_of(1300)).killed(SIGSEGV).death);
  EXPECT_EQ(verdict.verdict, VerdictClass::segfault);
  EXPECT_THAT(joined(verdict.contributing), HasSubstr("pid 1300"));
}

TEST(ContributingTest, ThrottlingBelongsToTheStory) {
  Scenario scenario;
  scenario.payload().before.cpu_stat.emplace();
  scenario.payload().before.cpu_stat->nr_periods = 100;
  scenario.payload().before.cpu_stat->nr_throttled = 90;
  scenario.payload().after.cpu_stat = scenario.payload().before.cpu_stat;
  EXPECT_THAT(joined(diagnose(scenario.death).contributing), Not(HasSubstr("throttled")));
  scenario.payload().after.cpu_stat->nr_periods = 131;
  scenario.payload().after.cpu_stat->nr_throttled = 120;
  EXPECT_THAT(joined(diagnose(scenario.death).contributing), HasSubstr("30 of 31 periods"));
}

TEST(AdviceTest, TmpfsIsNamedOnlyWhenTheNumbersSayIt) {
  Scenario scenario;
  scenario.kill_counted(0).logged(Scenario::kill_of(kMain));
  EXPECT_THAT(all_text(diagnose(scenario.death)), Not(HasSubstr("tmpfs")));
  scenario.payload().memory_stat.emplace();
  EXPECT_THAT(all_text(diagnose(scenario.death)), Not(HasSubstr("tmpfs")));
  scenario.payload().memory_stat->shmem = 62U << 20;
  const Verdict verdict = diagnose(scenario.death);
  EXPECT_THAT(joined(verdict.contributing), HasSubstr("96 % of the limit"));
  EXPECT_THAT(joined(verdict.advice), HasSubstr("A restart does not free it"));
  EXPECT_THAT(joined(verdict.advice), Not(HasSubstr("raise memory.max;")));
}

TEST(LimitTest, TheLogsFigureWinsOverAFileReadLater) {
  Scenario scenario;
  auto kill = Scenario::kill_of(kMain);
  kill.limit = Bytes{32U << 20};
  scenario.kill_counted(0).logged(kill).payload().memory_max = LimitOf<Bytes>(Max{});
  EXPECT_EQ(diagnose(scenario.death).limit->value, "33554432");
  scenario.death.oom_records.clear();
  EXPECT_THAT(diagnose(scenario.death).answer, Not(HasSubstr("memory.max = max")));
}

TEST(HostileTest, NamesCannotDriveATerminal) {
  Scenario scenario;
  auto kill = Scenario::kill_of(kMain);
  kill.victim_comm = "a\n\033[31m";
  scenario.kill_counted(0).logged(kill);
  scenario.payload().path = "/x\n\033[2J";
  scenario.lost("\033[1m");
  const Verdict verdict = diagnose(scenario.death);
  for (const auto& text :
       {verdict.answer, joined(verdict.contributing), joined(verdict.ruled_out)}) {
    EXPECT_THAT(text, Not(HasSubstr("\033")));
  }
  EXPECT_THAT(verdict.answer, Not(HasSubstr("\n")));
}

}  // namespace
}  // namespace cgwarden::diagnosis
