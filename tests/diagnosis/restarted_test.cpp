// Ends that nobody saw because the machine or the agent was restarted, and what systemd and
// systemd-oomd say of the ends of services.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>

#include "diagnosis/diagnose.h"
#include "tests/diagnosis/scenario.h"

namespace cgwarden::diagnosis {
namespace {

using testing::all_text;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::Scenario;

DeathEvidence of_earlier_boot(bool orderly, const std::string& panic = "") {
  DeathEvidence evidence;
  evidence.workload = "web";
  evidence.incarnation = 3;
  evidence.machine_restart = MachineRestart{.boot_id = "aaaa",
                                            .boot_id_now = "bbbb",
                                            .seen = Usec(1'795'484'000'000'000),
                                            .orderly = orderly,
                                            .panic = panic};
  return evidence;
}

TEST(RestartedTest, AnOrderlyRestartAndAPowerCutAreToldApart) {
  const Verdict orderly = diagnose(of_earlier_boot(true));
  EXPECT_EQ(orderly.verdict, VerdictClass::machine_restarted);
  // The agent may have been stopped long before the machine went down.
  EXPECT_EQ(orderly.confidence, Confidence::likely);
  EXPECT_THAT(orderly.answer, HasSubstr("the agent had been stopped before"));
  const Verdict cut = diagnose(of_earlier_boot(false));
  EXPECT_EQ(cut.verdict, VerdictClass::machine_restarted);
  EXPECT_EQ(cut.confidence, Confidence::likely);
  EXPECT_THAT(cut.answer, HasSubstr("lost its power"));
  EXPECT_THAT(all_text(cut), HasSubstr("aaaa then, bbbb now"));
}

TEST(RestartedTest, APanicIsQuoted) {
  const Verdict verdict =
      diagnose(of_earlier_boot(false, "Kernel panic - not syncing: sysrq triggered crash"));
  EXPECT_EQ(verdict.confidence, Confidence::strong);
  EXPECT_THAT(verdict.answer, HasSubstr("panicked"));
  EXPECT_THAT(all_text(verdict), HasSubstr("sysrq triggered crash"));
}

TEST(RestartedTest, AnAgentThatWasAwaySaysSo) {
  Scenario away;
  away.death.main_exit.reset();
  away.death.agent_was_away = true;
  const Verdict verdict = diagnose(away.death);
  EXPECT_EQ(verdict.verdict, VerdictClass::agent_restarted);
  EXPECT_EQ(verdict.confidence, Confidence::likely);
  // An agent that was there and saw no status does not know either, and says something else.
  away.death.agent_was_away = false;
  EXPECT_EQ(diagnose(away.death).verdict, VerdictClass::unknown);
}

TEST(RestartedTest, AStatusThatTheShimKeptIsWorthMore) {
  Scenario away;
  away.death.agent_was_away = true;
  EXPECT_EQ(diagnose(away.death).verdict, VerdictClass::killed_by_user);
}

Scenario unit_that_ended(const std::string& result, int code, int status) {
  Scenario scenario;
  scenario.death.unit_end = UnitEnd{.unit = "web.service",
                                    .result = result,
                                    .code = code,
                                    .status = status,
                                    .main_pid = testing::kMain};
  scenario.killed(status);
  return scenario;
}

void throttle(Scenario& scenario) {
  auto& payload = scenario.payload();
  const auto stat = [](std::uint64_t periods, std::uint64_t throttled, std::uint64_t usec) {
    cgroup::CpuStat stat;
    stat.nr_periods = periods;
    stat.nr_throttled = throttled;
    stat.throttled_usec = usec;
    return stat;
  };
  payload.before.cpu_stat = stat(0, 0, 0);
  payload.after.cpu_stat = stat(31, 30, 2'800'000);
}

TEST(RestartedTest, TheWatchdogOfSystemdHasItsCause) {
  auto missed = unit_that_ended("watchdog", CLD_KILLED, SIGABRT);
  const Verdict idle = diagnose(missed.death);
  EXPECT_EQ(idle.verdict, VerdictClass::killed_by_watchdog);
  EXPECT_THAT(idle.answer, HasSubstr("missed its watchdog"));
  EXPECT_THAT(idle.answer, Not(HasSubstr("throttled")));
  EXPECT_THAT(all_text(idle), HasSubstr("Result=watchdog"));
  throttle(missed);
  const Verdict slow = diagnose(missed.death);
  EXPECT_EQ(slow.verdict, VerdictClass::killed_by_watchdog);
  EXPECT_EQ(slow.confidence, Confidence::strong);
  EXPECT_THAT(slow.answer, HasSubstr("throttled"));
}

TEST(RestartedTest, TheKernelsOomKillerIsBelievedBeforeSystemd) {
  auto killed = unit_that_ended("watchdog", CLD_KILLED, SIGKILL);
  killed.kill_counted(0);
  EXPECT_EQ(diagnose(killed.death).verdict, VerdictClass::oom_own_limit);
}

TEST(RestartedTest, ACodeOfSystemdsMayBeTheProgramsOwn) {
  auto failed = unit_that_ended("exit-code", CLD_EXITED, 203);
  failed.death.main_exit = MainExit{MainExit::Kind::exited, 203};
  const Verdict verdict = diagnose(failed.death);
  EXPECT_EQ(verdict.verdict, VerdictClass::exec_failed);
  EXPECT_EQ(verdict.confidence, Confidence::likely);
}

// Each kind of evidence that can be lost, in the words of who lost it.
TEST(EvidenceLostTest, IsPrintedAndLowersTheConfidenceByOneStep) {
  const auto certain = Scenario().kill_counted(0).logged(Scenario::kill_of(testing::kMain));
  ASSERT_EQ(diagnose(certain.death).confidence, Confidence::proven);
  for (const char* lost :
       {"kernel log: 12 records were overwritten before they were read",
        "counters of /a: it was removed too soon",
        "signals: 5 records of senders were not taken down in time",
        "process ends: the kernel's messages ran over (ENOBUFS), the status of pid 7 among them"}) {
    auto uncertain = certain;
    uncertain.lost(lost);
    const Verdict verdict = diagnose(uncertain.death);
    EXPECT_EQ(verdict.confidence, Confidence::strong) << lost;
    EXPECT_THAT(verdict.evidence_lost, ::testing::Contains(lost));
    // However much is lost, one step.
    uncertain.lost("another thing");
    EXPECT_EQ(diagnose(uncertain.death).confidence, Confidence::strong);
  }
}

TEST(EvidenceLostTest, FewerLinesThanKillsAreARateLimit) {
  const auto child = Scenario::kill_of(1300);
  const Verdict all = diagnose(Scenario().kill_counted(0).logged(child).exited(5).death);
  EXPECT_THAT(all.evidence_lost, ::testing::IsEmpty());
  const Verdict some = diagnose(Scenario().kill_counted(0, 0, 25).logged(child).death);
  EXPECT_THAT(all_text(some), HasSubstr("25 OOM kills were counted in this run and 1 of them"));
  EXPECT_LT(some.confidence, Confidence::strong);
  // The main process's own line is there: what is missing is of others.
  const Verdict named =
      diagnose(Scenario().kill_counted(0, 0, 25).logged(Scenario::kill_of(testing::kMain)).death);
  EXPECT_EQ(named.confidence, Confidence::proven);
  EXPECT_THAT(all_text(named), HasSubstr("1 of them"));
}

TEST(RestartedTest, SystemdOomdSaysItselfThatItKilled) {
  Scenario killed;
  killed.death.oomd_kill = OomdKill{"/cgwarden.slice", "memory-pressure", Usec(22'000'000)};
  const Verdict verdict = diagnose(killed.death);
  EXPECT_EQ(verdict.verdict, VerdictClass::killed_by_systemd_oomd);
  EXPECT_EQ(verdict.confidence, Confidence::strong);
  EXPECT_THAT(verdict.answer, HasSubstr("for memory pressure"));
  EXPECT_THAT(all_text(verdict), HasSubstr("org.freedesktop.oom1.Manager.Killed"));
  // It does not explain an end of its own.
  killed.death.main_exit = MainExit{MainExit::Kind::exited, 1};
  EXPECT_EQ(diagnose(killed.death).verdict, VerdictClass::exited);
}

}  // namespace
}  // namespace cgwarden::diagnosis
