// What looks like a proof and is none: each of them was told as proven, or as something else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "diagnosis/diagnose.h"
#include "tests/diagnosis/scenario.h"

namespace cgwarden::diagnosis::false_proofs {
namespace {

using testing::all_text;
using ::testing::Contains;
using ::testing::HasSubstr;
using testing::kMain;
using testing::kPayload;
using testing::kScope;
using ::testing::Not;
using testing::Scenario;

constexpr pid_t kParent = 700;
constexpr Usec kKilled{22'450'000};
constexpr Usec kSecond{1'000'000};

SignalSent sent(int signal, Usec when = kKilled) {
  SignalSent record;
  record.boottime = when;
  record.signal = signal;
  record.group = true;
  record.target = kMain;
  record.target_task = kMain;
  record.target_cgroup = kPayload;
  record.target_state = TargetState::able;
  record.sender_ended = false;
  record.sender.pid = 812;
  record.sender.comm = "prober";
  record.sender.exe = "/usr/bin/prober";
  record.sender.cgroup = "/system.slice/prober.service";
  record.sender.uid = 33;
  return record;
}

SignalSent by_itself(int signal, int code, bool group) {
  SignalSent record = sent(signal);
  record.code = code;
  record.group = group;
  record.sender.pid = kMain;
  return record;
}

Scenario with(std::vector<SignalSent> records, Scenario scenario = Scenario()) {
  scenario.death.own_top = kScope;
  scenario.death.signals = {true, std::move(records)};
  return scenario;
}

Verdict told(const Scenario& scenario) { return diagnose(scenario.death); }

void expect(const Scenario& scenario, VerdictClass wanted, Confidence confidence,
            const std::string& says = "", const std::string& never = "\x01") {
  const Verdict verdict = told(scenario);
  SCOPED_TRACE(all_text(verdict));
  EXPECT_EQ(to_string(verdict.verdict), to_string(wanted));
  EXPECT_EQ(to_string(verdict.confidence), to_string(confidence));
  EXPECT_THAT(all_text(verdict), HasSubstr(says));
  EXPECT_THAT(all_text(verdict), Not(HasSubstr(never)));
}

// --- PR_SET_PDEATHSIG

Scenario parent_killed(bool ended, pid_t parent_at_end) {
  auto record = sent(SIGKILL);
  record.sender.pid = kParent;
  record.sender.exe.clear();  // its memory went before the signal
  record.sender_ended = ended;
  auto scenario = with({record});
  scenario.death.main_parent = kParent;
  scenario.death.parent_at_end = parent_at_end;
  return scenario;
}

TEST(ParentDeathTest, TheSignalOfADyingParentMayBeTheKernels) {
  expect(parent_killed(true, 1), VerdictClass::killed_by_user, Confidence::likely,
         "PR_SET_PDEATHSIG");
  EXPECT_THAT(told(parent_killed(true, 1)).answer, HasSubstr("pid 700"));
  expect(parent_killed(true, -1), VerdictClass::killed_by_user, Confidence::likely,
         "PR_SET_PDEATHSIG");
}

TEST(ParentDeathTest, SoMayBeTheSigtermOnWhichItEnded) {
  auto scenario = parent_killed(true, 1);
  scenario.death.signals.records[0].signal = SIGTERM;
  EXPECT_THAT(told(scenario.exited(0)).contributing, Contains(HasSubstr("PR_SET_PDEATHSIG")));
}

TEST(ParentDeathTest, AParentThatLivesSentIt) {
  expect(parent_killed(false, kParent), VerdictClass::killed_by_user, Confidence::proven,
         "sent by pid 700", "PR_SET_PDEATHSIG");
}

TEST(ParentDeathTest, WhoIsNotTheParentSentIt) {
  auto scenario = parent_killed(true, 1);
  scenario.death.main_parent = 1;
  expect(scenario, VerdictClass::killed_by_user, Confidence::proven, "sent by pid 700",
         "PR_SET_PDEATHSIG");
}

// The one that it got when its first parent died may have died too.
TEST(ParentDeathTest, AParentThatWasNotSeenMayHaveBeenOne) {
  auto scenario = parent_killed(true, 1);
  scenario.death.main_parent = 600;
  expect(scenario, VerdictClass::killed_by_user, Confidence::strong, "pid 700");
}

// --- SIGTERM, and SIGKILL after it

TEST(TermIgnoredTest, WhatIsFrozenOrStoppedCannotEnd) {
  for (const auto state : {TargetState::frozen, TargetState::stopped}) {
    auto term = sent(SIGTERM, kKilled - Usec{10'000'000});
    auto kill = sent(SIGKILL);
    term.target_state = kill.target_state = state;
    expect(with({term, kill}), VerdictClass::killed_by_user, Confidence::proven,
           state == TargetState::frozen ? "it was frozen" : "it was stopped");
  }
}

TEST(TermIgnoredTest, NobodyKnowsWhenItWasThawed) {
  auto term = sent(SIGTERM, kKilled - Usec{10'000'000});
  term.target_state = TargetState::frozen;
  expect(with({term, sent(SIGKILL)}), VerdictClass::killed_by_user, Confidence::proven,
         "it was frozen");
}

TEST(TermIgnoredTest, TheTimeAfterSigcontCounts) {
  auto stop = sent(SIGSTOP, kKilled - Usec{12'000'000});
  auto term = sent(SIGTERM, kKilled - Usec{10'000'000});
  auto late = sent(SIGCONT, kKilled - Usec{10'000});
  expect(with({stop, term, sent(SIGKILL)}), VerdictClass::killed_by_user, Confidence::proven,
         "it was stopped");
  expect(with({stop, term, late, sent(SIGKILL)}), VerdictClass::killed_by_user, Confidence::proven,
         "it was stopped");
  late.boottime = kKilled - Usec{8'000'000};
  term.target_state = TargetState::stopped;
  expect(with({stop, term, late, sent(SIGKILL)}), VerdictClass::term_ignored, Confidence::proven,
         "did not end on the SIGTERM");
  // It could have run before it was stopped.
  term.target_state = TargetState::able;
  stop.boottime = kKilled - kSecond;
  expect(with({term, stop, sent(SIGKILL)}), VerdictClass::term_ignored, Confidence::proven,
         "did not end on the SIGTERM");
}

TEST(TermIgnoredTest, SomebodyElsesTermIsAnotherStory) {
  auto other = sent(SIGTERM, kKilled - Usec{10'000'000});
  other.sender.pid = 500;
  other.sender.comm = "reloader";
  other.sender.exe = "/usr/bin/reloader";
  other.sender.cgroup = "/system.slice/reloader.service";
  expect(with({other, sent(SIGKILL)}), VerdictClass::killed_by_user, Confidence::proven,
         "it had lived on after SIGTERM from pid 500");
}

TEST(TermIgnoredTest, TheSameProgramInAnotherProcessIsStrongForTheTimeOfAStop) {
  auto term = sent(SIGTERM, kKilled - Usec{10'000'000});
  term.sender.pid = 500;
  expect(with({term, sent(SIGKILL)}), VerdictClass::term_ignored, Confidence::strong,
         "did not end on the SIGTERM");
  term.boottime = kKilled - Usec{9'000'000};
  auto scenario = with({term, sent(SIGKILL)});
  for (auto* time : {&scenario.death.ended.boottime, &scenario.death.signals.records[1].boottime}) {
    *time += Usec{180'000'000};
  }
  expect(scenario, VerdictClass::killed_by_user, Confidence::proven, "it had lived on");
}

TEST(TermIgnoredTest, ASecondOneWithTheSigkillTakesNoTimeFromTheFirst) {
  const auto term = sent(SIGTERM, kKilled - Usec{10'000'000});
  expect(with({term, sent(SIGTERM, kKilled - Usec{10}), sent(SIGKILL)}), VerdictClass::term_ignored,
         Confidence::proven, "SIGTERM of 10.00 s before");
}

TEST(TermIgnoredTest, WhetherItCouldRunWasNotSeen) {
  auto term = sent(SIGTERM, kKilled - Usec{10'000'000});
  term.target_state = TargetState::unknown;
  expect(with({term, sent(SIGKILL)}), VerdictClass::term_ignored, Confidence::strong,
         "did not end");
}

// --- Watchdogs and oomds

Scenario throttled(Scenario scenario) {
  auto& payload = scenario.payload();
  payload.before.cpu_stat.emplace();
  payload.before.cpu_stat->nr_periods = 10;
  payload.before.cpu_stat->nr_throttled = 5;
  payload.before.cpu_stat->usage_usec = 0;
  payload.after.cpu_stat = payload.before.cpu_stat;
  payload.after.cpu_stat->nr_periods = 41;
  payload.after.cpu_stat->nr_throttled = 35;
  return scenario;
}

TEST(WatchdogTest, WhoKillsAThrottledOneIsNoWatchdogForThat) {
  auto record = sent(SIGKILL);
  record.sender.comm = "operator";
  record.sender.exe = "/usr/bin/operator";
  record.sender.cgroup = "/system.slice/operator.service";
  const auto scenario = throttled(with({record}));
  expect(scenario, VerdictClass::killed_by_user, Confidence::proven, "pid 812");
  EXPECT_THAT(told(scenario).contributing, Contains(HasSubstr("throttled in 30 of 31")));
}

TEST(WatchdogTest, ANameIsNoMoreThanLikely) {
  auto record = sent(SIGKILL);
  record.sender.exe = "/usr/sbin/watchdog";
  expect(throttled(with({record})), VerdictClass::killed_by_watchdog, Confidence::likely,
         "throttled in 30 of 31");
}

SignalSent by_oomd(const std::string& cgroup, const std::string& exe) {
  auto record = sent(SIGKILL);
  record.sender.comm = "systemd-oomd";
  record.sender.exe = exe;
  record.sender.cgroup = cgroup;
  return record;
}

constexpr const char* kOomdUnit = "/system.slice/systemd-oomd.service";
constexpr const char* kOomdExe = "/usr/lib/systemd/systemd-oomd";

TEST(OomdTest, TheUnitOfTheSenderAndItsMarksProveIt) {
  auto record = by_oomd(kOomdUnit, kOomdExe);
  expect(with({record}), VerdictClass::killed_by_systemd_oomd, Confidence::strong, "systemd-oomd");
  record.oomd_marks = {{"user.oomd_ooms", "1"}};
  record.oomd_cgroup = kScope;
  expect(with({record}), VerdictClass::killed_by_systemd_oomd, Confidence::proven, "systemd-oomd");
}

TEST(OomdTest, NamesAndMarksThatAnybodyMaySetProveNothing) {
  auto named = sent(SIGKILL);
  named.sender.comm = "not-an-oomd";
  named.sender.exe = "/tmp/oomd";
  named.oomd_marks = {{"user.oomd_kill", "9"}};
  named.oomd_cgroup = kScope;
  expect(with({named}), VerdictClass::killed_by_user, Confidence::proven, "user.oomd_kill=9");
  // In a mount namespace of its own any file can have that path.
  auto disguised = by_oomd("/user.slice/user-1000.slice", kOomdExe);
  disguised.oomd_marks = named.oomd_marks;
  disguised.oomd_cgroup = kScope;
  expect(with({disguised}), VerdictClass::killed_by_systemd_oomd, Confidence::likely,
         "systemd-oomd");
}

TEST(OomdTest, TheBusDoesNotOverruleTheKernelsRecord) {
  auto scenario = with({sent(SIGKILL)});
  scenario.death.oomd_kill = OomdKill{kScope, "memory-pressure", kKilled};
  expect(scenario, VerdictClass::killed_by_user, Confidence::proven, "prober",
         "was killed by systemd-oomd");
  scenario.death.signals.records[0].sender = {};
  scenario.death.signals.records[0].sender.pid = 812;
  expect(scenario, VerdictClass::killed_by_systemd_oomd, Confidence::strong, "memory pressure");
}

TEST(OomdTest, AnotherOomdIsKnownByMarksThatOnlyRootSets) {
  auto record = sent(SIGKILL);
  record.sender.comm = "oomd";
  record.sender.exe = "/usr/bin/oomd";
  record.oomd_marks = {{"trusted.oomd_kill", "2"}};
  record.oomd_cgroup = kScope;
  expect(with({record}), VerdictClass::killed_by_systemd_oomd, Confidence::strong,
         "killed by oomd");
}

TEST(OomdTest, EarlyoomIsNamed) {
  auto record = sent(SIGTERM);
  record.sender.comm = "earlyoom";
  record.sender.exe = "/usr/bin/earlyoom";
  record.sender.cgroup = "/system.slice/earlyoom.service";
  expect(with({record}, Scenario().killed(SIGTERM)), VerdictClass::killed_by_user,
         Confidence::proven, "earlyoom kills");
  record.sender.cgroup = "/user.slice";
  expect(with({record}, Scenario().killed(SIGTERM)), VerdictClass::killed_by_user,
         Confidence::proven, "pid 812", "earlyoom kills");
}

// --- Codes that a process forges to itself

TEST(ForgedCodeTest, AFaultIsProvenByTheKernelsLine) {
  auto fault = by_itself(SIGSEGV, 1, false);
  auto scenario = with({fault}, Scenario().killed(SIGSEGV));
  expect(scenario, VerdictClass::segfault, Confidence::strong, "touched memory");
  FaultRecord line;
  line.thread = kMain;
  line.what = "segfault";
  line.line = "t[1234]: segfault at 10 ip 0 sp 0 error 6 in t[401000+98000]";
  line.boottime = kKilled;
  scenario.death.faults = {line};
  expect(scenario, VerdictClass::segfault, Confidence::proven, "t[1234]: segfault at 10");
  // Of another process, or of a fault that it survived.
  scenario.death.faults[0].thread = 99;
  expect(scenario, VerdictClass::segfault, Confidence::strong, "", "t[1234]");
  scenario.death.faults[0].thread = kMain;
  scenario.death.faults[0].boottime = Usec{12'000'000};
  expect(scenario, VerdictClass::segfault, Confidence::strong, "", "t[1234]");
}

TEST(ForgedCodeTest, AFaultForTheWholeProcessIsForged) {
  expect(with({by_itself(SIGSEGV, 1, true)}, Scenario().killed(SIGSEGV)), VerdictClass::segfault,
         Confidence::likely, "sent to itself", "touched memory");
  expect(with({by_itself(SIGABRT, 5, true)}, Scenario().killed(SIGABRT)), VerdictClass::aborted,
         Confidence::strong, "SIGABRT", "the kernel raised");
}

TEST(ForgedCodeTest, TheSystemCallOfASeccompFilterIsNamed) {
  auto scenario = with({by_itself(SIGSYS, 1, false)}, Scenario().killed(SIGSYS));
  FaultRecord line;
  line.thread = kMain;
  line.what = "seccomp";
  line.signal = SIGSYS;
  line.syscall = 110;
  line.arch = "c000003e";
  line.boottime = kKilled;
  scenario.death.faults = {line};
  expect(scenario, VerdictClass::seccomp_violation, Confidence::proven, "system call 110");
}

TEST(ForgedCodeTest, TheKernelsCodeToItself) {
  // It has not run for the second that the shortest RLIMIT_CPU is.
  auto scenario = throttled(with({by_itself(SIGKILL, SignalSent::kFromKernel, true)}));
  scenario.payload().after.cpu_stat->nr_throttled = 5;
  scenario.payload().after.cpu_stat->usage_usec = 20'000;
  expect(scenario, VerdictClass::killed_by_user, Confidence::strong, "by itself", "RLIMIT");
  scenario.payload().after.cpu_stat->usage_usec = 2'000'000;
  expect(scenario, VerdictClass::rlimit_exceeded, Confidence::strong, "RLIMIT_CPU");
  expect(with({by_itself(SIGKILL, 5, false)}), VerdictClass::killed_by_user, Confidence::strong,
         "by itself", "not recorded");
  expect(with({by_itself(SIGTERM, 1, true)}, Scenario().killed(SIGTERM)),
         VerdictClass::killed_by_user, Confidence::strong, "by itself", "not recorded");
}

TEST(ForgedCodeTest, WhatLooksLikeACgroupKillOrAnOwnWriteMayBeForged) {
  expect(with({by_itself(SIGKILL, 0, false)}), VerdictClass::killed_by_cgroup_kill,
         Confidence::likely, "itself");
  expect(with({by_itself(SIGPIPE, 0, false)}, Scenario().killed(SIGPIPE)),
         VerdictClass::broken_pipe, Confidence::strong, "reader was gone");
}

TEST(CgroupKillTest, ATracerEndsItInTheSameWay) {
  auto record = sent(SIGKILL);
  record.group = false;
  expect(with({record}), VerdictClass::killed_by_cgroup_kill, Confidence::strong, "cgroup.kill");
  record.target_tracer = 0;
  expect(with({record}), VerdictClass::killed_by_cgroup_kill, Confidence::proven, "cgroup.kill");
  record.target_tracer = 812;
  expect(with({record}), VerdictClass::killed_by_user, Confidence::proven, "ptrace", "cgroup.kill");
  record.target_tracer.reset();
  auto of_init = record;
  of_init.target = 1200;
  auto scenario = with({of_init, record});
  scenario.death.init_pid = 1200;
  expect(scenario, VerdictClass::killed_by_cgroup_kill, Confidence::proven, "cgroup.kill");
  scenario.death.signals.records = {record};
  expect(scenario, VerdictClass::killed_by_user, Confidence::proven, "sent by pid 812");
  scenario.death.signals.records = {by_itself(SIGKILL, 0, false)};
  scenario.death.signals.records[0].target_tracer = 0;
  expect(scenario, VerdictClass::killed_by_user, Confidence::proven, "by itself", "cgroup.kill");
}

TEST(ForgedCodeTest, ATimerWhoseSenderIsAnotherProcessMayBeForged) {
  auto timer = sent(SIGTERM);
  timer.code = -2;
  expect(with({timer}, Scenario().killed(SIGTERM)), VerdictClass::killed_by_user,
         Confidence::likely, "a timer");
  timer.sender.pid = kMain;
  expect(with({timer}, Scenario().killed(SIGTERM)), VerdictClass::killed_by_user,
         Confidence::strong, "a timer");
}

// --- Terminals

TEST(TerminalTest, AKeyOrAHangUpIsTold) {
  for (const int signal : {SIGINT, SIGQUIT, SIGHUP}) {
    auto record = sent(signal);
    record.code = SignalSent::kFromKernel;
    expect(with({record}, Scenario().killed(signal)), VerdictClass::killed_by_user,
           Confidence::strong, "terminal", "not recorded");
    record.sender.pid = kMain;
    expect(with({record}, Scenario().killed(signal)), VerdictClass::killed_by_user,
           Confidence::likely, "terminal", "not recorded");
  }
  auto record = sent(SIGTERM);
  record.code = SignalSent::kFromKernel;
  expect(with({record}, Scenario().killed(SIGTERM)), VerdictClass::killed_by_user,
         Confidence::strong, "", "terminal");
}

TEST(TerminalTest, AnExitAfterItSaysSo) {
  auto record = sent(SIGINT);
  record.code = SignalSent::kFromKernel;
  EXPECT_THAT(told(with({record}, Scenario().exited(130))).contributing,
              Contains(HasSubstr("terminal")));
}

// --- Evidence that was lost

TEST(LostEvidenceTest, WithoutTheRecordOfTheSignalSomebodyElseMayHaveStoppedIt) {
  expect(Scenario().killed(SIGTERM).sent(SIGTERM), VerdictClass::stopped, Confidence::strong);
  auto ours = sent(SIGTERM);
  ours.sender.pid = 900;
  auto scenario = with({ours}, Scenario().killed(SIGTERM).sent(SIGTERM));
  scenario.death.agent_pid = 900;
  expect(scenario, VerdictClass::stopped, Confidence::proven);
  expect(Scenario().exited(0).sent(SIGTERM), VerdictClass::stopped, Confidence::proven);
}

// --- What cgwarden did before

TEST(PolicyWritesTest, AreContributing) {
  auto scenario = with({sent(SIGKILL)});
  scenario.death.policy_writes = {
      {kScope, "policy tight set memory.max from 64 MiB to 32 MiB", kKilled - Usec{12'000'000}}};
  const auto verdict = told(scenario);
  EXPECT_THAT(verdict.contributing,
              Contains(HasSubstr("12.05 s before: policy tight set memory.max")));
  EXPECT_THAT(all_text(verdict), HasSubstr("policy " + kScope));
}

}  // namespace
}  // namespace cgwarden::diagnosis::false_proofs
