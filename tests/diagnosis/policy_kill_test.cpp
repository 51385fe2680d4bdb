// Deaths by a policy of ours: its kill rule or its stall guard.
#include <gtest/gtest.h>

#include <csignal>

#include "diagnosis/diagnose.h"
#include "tests/diagnosis/scenario.h"

namespace cgwarden::diagnosis {
namespace {

using testing::all_text;
using testing::Scenario;

constexpr pid_t kOurPid = 4242;

OwnAction kill_by_rule(const Scenario& scenario, bool part = false) {
  return {.signal = SIGKILL,
          .reason = "all tasks of /batch waited for memory in 93 % of the last 2 s",
          .boottime = scenario.death.ended.boottime - Usec{100'000},
          .policy = "the kill rule of policy batch",
          .part = part};
}

SignalSent record_of(const Scenario& scenario, pid_t sender, int code = 0, bool group = false) {
  SignalSent sent;
  sent.boottime = scenario.death.ended.boottime - Usec{90'000};
  sent.signal = SIGKILL;
  sent.code = code;
  sent.group = group;
  sent.sender.pid = sender;
  sent.sender.comm = sender == kOurPid ? "cgwarden" : "bash";
  sent.target = scenario.death.main_pid;
  return sent;
}

Scenario killed(pid_t sender, bool part = false) {
  Scenario scenario;
  scenario.killed(SIGKILL);
  scenario.death.agent_pid = kOurPid;
  scenario.death.own_actions.push_back(kill_by_rule(scenario, part));
  if (sender > 0) {
    scenario.death.signals.watched = true;
    scenario.death.signals.records.push_back(record_of(scenario, sender));
  }
  return scenario;
}

TEST(PolicyKillTest, IsProvenByTheKernelsRecordOfOurSignal) {
  const Verdict verdict = diagnose(killed(kOurPid).death);
  EXPECT_EQ(verdict.verdict, VerdictClass::killed_by_policy);
  EXPECT_EQ(verdict.confidence, Confidence::proven);
  EXPECT_EQ(verdict.actor->what, "cgwarden, the kill rule of policy batch");
  EXPECT_EQ(verdict.actor->pid, kOurPid);
  EXPECT_NE(verdict.answer.find("was killed by cgwarden, the kill rule of policy batch: all tasks "
                                "of /batch waited for memory in 93 %"),
            std::string::npos)
      << verdict.answer;
}

TEST(PolicyKillTest, WithoutARecordItIsStrong) {
  const Verdict verdict = diagnose(killed(0).death);
  EXPECT_EQ(verdict.verdict, VerdictClass::killed_by_policy);
  EXPECT_EQ(verdict.confidence, Confidence::strong);
}

// systemd removes the cgroup of a unit with its last process.
TEST(PolicyKillTest, LostCountersWeakenNoRecordedKillAndLostSignalsDo) {
  Scenario scenario = killed(kOurPid);
  scenario.lost("counters of /batch/a: it was removed too soon");
  EXPECT_EQ(diagnose(scenario.death).confidence, Confidence::proven);
  scenario.lost("signals: 3 records overwritten");
  EXPECT_EQ(diagnose(scenario.death).confidence, Confidence::strong);
  Scenario unseen = killed(0);
  unseen.lost("counters of /batch/a: it was removed too soon");
  EXPECT_EQ(diagnose(unseen.death).confidence, Confidence::likely);
}

TEST(PolicyKillTest, WhoWasFasterIsToldInPlaceOfUs) {
  const Verdict verdict = diagnose(killed(77).death);
  EXPECT_EQ(verdict.verdict, VerdictClass::killed_by_cgroup_kill);
  EXPECT_EQ(verdict.actor->pid, 77);
  EXPECT_NE(all_text(verdict).find("the kill rule of policy batch had killed its cgroup"),
            std::string::npos)
      << all_text(verdict);
}

TEST(PolicyKillTest, TheOomKillerThatWasFasterIsNotUs) {
  Scenario scenario = killed(0);
  scenario.kill_counted(0);
  scenario.logged(Scenario::kill_of(scenario.death.main_pid));
  EXPECT_EQ(diagnose(scenario.death).verdict, VerdictClass::oom_own_limit);
  Scenario of_kernel = killed(0);
  of_kernel.kill_counted(0);
  of_kernel.death.signals.watched = true;
  of_kernel.death.signals.records.push_back(
      record_of(of_kernel, 900, SignalSent::kFromKernel, true));
  EXPECT_EQ(diagnose(of_kernel.death).verdict, VerdictClass::oom_own_limit);
}

TEST(PolicyKillTest, AnExitOfItsOwnIsNoKill) {
  Scenario scenario = killed(0);
  scenario.exited(3);
  EXPECT_EQ(diagnose(scenario.death).verdict, VerdictClass::exited);
  scenario.killed(SIGSEGV);
  EXPECT_NE(diagnose(scenario.death).verdict, VerdictClass::killed_by_policy);
}

// What is below its cgroup was killed: that says nothing of its main process, which may have been
// killed by anybody a moment later.
TEST(PolicyKillTest, AKillOfAPartNeedsTheRecord) {
  EXPECT_EQ(diagnose(killed(kOurPid, true).death).verdict, VerdictClass::killed_by_policy);
  const Verdict verdict = diagnose(killed(0, true).death);
  EXPECT_NE(verdict.verdict, VerdictClass::killed_by_policy);
  EXPECT_NE(verdict.verdict, VerdictClass::stopped);
  EXPECT_NE(all_text(verdict).find("had killed what is below it"), std::string::npos);
}

TEST(PolicyKillTest, AKillOfLongAgoExplainsNothing) {
  Scenario scenario = killed(0);
  scenario.death.ended.boottime += Usec{120'000'000};
  EXPECT_NE(diagnose(scenario.death).verdict, VerdictClass::killed_by_policy);
}

}  // namespace
}  // namespace cgwarden::diagnosis
