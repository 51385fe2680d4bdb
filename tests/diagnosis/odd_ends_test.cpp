// Ends that leave the marks of another story: main processes in another cgroup than their own,
// signals of the kernel's that nobody sent to this one, and signals that are not recorded.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "diagnosis/diagnose.h"
#include "tests/diagnosis/scenario.h"

namespace cgwarden::diagnosis::odd_ends {
namespace {

using testing::all_text;
using ::testing::HasSubstr;
using testing::kMain;
using testing::kPayload;
using testing::kScope;
using testing::kSlice;
using ::testing::Not;
using testing::Scenario;

constexpr Usec kKilled{22'450'000};

SignalSent sent_by(pid_t sender, int signal, int code, bool group = true) {
  SignalSent record;
  record.boottime = kKilled;
  record.signal = signal;
  record.code = code;
  record.group = group;
  record.target = record.target_task = kMain;
  record.sender.pid = sender;
  record.sender.comm = sender == kMain ? "leaker" : "prober";
  return record;
}

Scenario with(std::vector<SignalSent> records, Scenario scenario = Scenario()) {
  scenario.death.own_top = kScope;
  scenario.death.signals = {true, std::move(records)};
  return scenario;
}

Verdict told(const Scenario& scenario, VerdictClass wanted, Confidence confidence,
             const std::vector<std::string>& says = {},
             const std::vector<std::string>& never = {}) {
  Verdict verdict = diagnose(scenario.death);
  SCOPED_TRACE(all_text(verdict));
  EXPECT_EQ(to_string(verdict.verdict), to_string(wanted));
  EXPECT_EQ(to_string(verdict.confidence), to_string(confidence));
  for (const auto& words : says) EXPECT_THAT(all_text(verdict), HasSubstr(words));
  for (const auto& words : never) EXPECT_THAT(all_text(verdict), Not(HasSubstr(words)));
  return verdict;
}

FaultRecord line(const std::string& what, pid_t thread, int signal, std::uint64_t ago = 0) {
  FaultRecord line;
  line.thread = thread;
  line.what = what;
  line.signal = signal;
  line.line = what + " line";
  line.boottime = Usec{22'440'000 - ago * 1'000'000};
  line.sequence = 77;
  return line;
}

// --- Moved away

TEST(MovedTest, AnOomKillInAnotherCgroupIsOneAndNobodysSignal) {
  auto kill = Scenario::kill_of(kMain, "/elsewhere", "/elsewhere");
  kill.limit = Bytes{24U << 20};
  for (const pid_t sender : {kMain, pid_t{4000}}) {
    const auto verdict =
        told(with({sent_by(sender, SIGKILL, SignalSent::kFromKernel)}, Scenario().logged(kill)),
             VerdictClass::oom_ancestor_limit, Confidence::strong,
             {"moved to /elsewhere", "memory.max = 24.0 MiB"},
             {"RLIMIT", "user space", "by itself", "own limit memory.max"});
    ASSERT_TRUE(verdict.limit);
    EXPECT_EQ(verdict.limit->cgroup, "/elsewhere");
    EXPECT_EQ(verdict.limit->value, std::to_string(24U << 20));
    EXPECT_EQ(verdict.victim->pid, kMain);
  }
}

// It was left empty, so that its manager removed it before its counters were read, which would have
// told nothing of this.
TEST(MovedTest, ItsOwnCgroupWasRemovedMeanwhile) {
  Scenario scenario;
  scenario.payload().after = {};
  scenario.death.lost.push_back("counters of " + kPayload + ": it was removed too soon");
  scenario.logged(Scenario::kill_of(kMain, "/elsewhere", "/elsewhere"));
  told(with({}, scenario), VerdictClass::oom_ancestor_limit, Confidence::strong,
       {"moved to /elsewhere"}, {"own limit", "user space"});
  scenario.death.lost.emplace_back("process ends: some");
  told(with({}, scenario), VerdictClass::oom_ancestor_limit, Confidence::likely,
       {"moved to /elsewhere"}, {"own limit", "user space"});
}

TEST(MovedTest, WhereTheLogsPathsAreNotOursNobodyWasMoved) {
  Scenario scenario;
  scenario.payload().after = {};
  scenario.death.cgroups.back().before.memory_events = testing::events(0, 0);  // a namespace's root
  scenario.logged(Scenario::kill_of(kMain, "/pods/one", "/pods/one"));
  EXPECT_THAT(all_text(diagnose(with({}, scenario).death)), Not(HasSubstr("moved")));
}

// A child of it was killed at its own limit a moment before.
TEST(MovedTest, WhatItsOwnCgroupCountedIsAnothersStory) {
  told(with({}, Scenario()
                    .kill_counted(0)
                    .logged(Scenario::kill_of(1300))
                    .logged(Scenario::kill_of(kMain, "/elsewhere", "/elsewhere/deep"))),
       VerdictClass::oom_ancestor_limit, Confidence::strong,
       {"/elsewhere above that", "moved to /elsewhere/deep"}, {"reached its own limit"});
}

TEST(MovedTest, ToOneAboveIsStillBelowTheSameLimits) {
  const auto verdict =
      told(with({}, Scenario().kill_counted(2, 1).logged(Scenario::kill_of(kMain, kSlice, kScope))),
           VerdictClass::oom_ancestor_limit, Confidence::strong, {kSlice + " above it"});
  EXPECT_EQ(verdict.limit->cgroup, kSlice);
}

// Its parent took the memory controller away while it ran: the log names the one that has it.
TEST(MovedTest, WithoutTheControllerTheLogNamesTheOneAbove) {
  Scenario scenario;
  scenario.payload().after = {};
  scenario.logged(Scenario::kill_of(kMain, kSlice, kSlice));
  EXPECT_THAT(all_text(diagnose(with({}, scenario).death)), Not(HasSubstr("moved")));
}

TEST(MovedTest, GlobalAndManualStayWhatTheyAre) {
  auto global = Scenario::global_kill_of(kMain);
  global.task_memcg = "/elsewhere";
  told(with({}, Scenario().logged(global)), VerdictClass::oom_global, Confidence::strong);
  global.constraint = OomConstraint::manual;
  told(with({}, Scenario().logged(global)), VerdictClass::oom_manual, Confidence::strong);
}

// --- Groups below its own cgroup

TEST(NestedGroupTest, ItsFirstVictimCountsTwice) {
  Scenario scenario;
  for (auto* cgroup : {&scenario.payload(), &scenario.scope(), &scenario.slice()}) {
    cgroup->after.memory_events = testing::events(1, 3, 1);
  }
  scenario.logged(Scenario::kill_of(1300, kPayload + "/inner", kPayload + "/inner"))
      .logged(Scenario::kill_of(1301, kPayload + "/inner", kPayload + "/inner"));
  // Nobody recorded who sent its SIGKILL, but the OOM killer's victims were others.
  told(scenario, VerdictClass::killed_by_user, Confidence::likely, {"SIGKILL"},
       {"own limit", "set on"});
  told(scenario.exited(3), VerdictClass::exited, Confidence::strong, {"exit code 3"},
       {"of them are in the log"});
}

TEST(NestedGroupTest, ItTookTheMainProcess) {
  Scenario scenario;
  for (auto* cgroup : {&scenario.payload(), &scenario.scope(), &scenario.slice()}) {
    cgroup->after.memory_events = testing::events(1, 2, 1);
  }
  scenario.logged(Scenario::kill_of(kMain, kPayload + "/inner", kPayload + "/inner"));
  const auto verdict = told(scenario, VerdictClass::oom_nested_limit, Confidence::proven,
                            {"memory.oom.group is 1 in a cgroup below its own"}, {"own limit"});
  EXPECT_EQ(verdict.subject, Subject::cgroup);
  EXPECT_EQ(diagnose(Scenario()
                         .nested_kill_counted()
                         .logged(Scenario::kill_of(kMain, kPayload + "/inner", kPayload + "/inner"))
                         .death)
                .subject,
            Subject::main);
}

// --- Signals

TEST(CodeTest, OneAloneMayHaveBeenKilledWithACgroupThatHeldItAlone) {
  auto scenario = with({sent_by(812, SIGKILL, 0, false)});
  scenario.death.init_pid = 1200;
  told(scenario, VerdictClass::killed_by_user, Confidence::proven,
       {"sent by pid 812", "cgroup.kill of a cgroup that it was in without the others"});
}

TEST(CodeTest, BelowTkillIsAProcess) {
  told(with({sent_by(812, SIGKILL, -60)}), VerdictClass::killed_by_user, Confidence::proven,
       {"sent by pid 812"});
}

TEST(CodeTest, AFaultSignalThatItSentToItselfIsNoProvenFault) {
  for (const auto& [code, group] : {std::pair{0, true}, {-6, false}}) {
    told(with({sent_by(kMain, SIGSYS, code, group)}, Scenario().killed(SIGSYS)),
         VerdictClass::killed_by_user, Confidence::proven, {"by itself"}, {"crashed", "seccomp"});
    for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) {
      const auto verdict =
          diagnose(with({sent_by(kMain, signal, code, group)}, Scenario().killed(signal)).death);
      EXPECT_EQ(verdict.confidence, Confidence::likely);
      EXPECT_THAT(verdict.answer, HasSubstr("sent to itself"));
      EXPECT_THAT(verdict.answer, Not(HasSubstr("crashed")));
      EXPECT_THAT(verdict.answer, Not(HasSubstr("touched memory")));
    }
  }
}

TEST(CodeTest, ASegfaultWithoutAnAddressIsNotCalledAMemoryAccess) {
  told(with({sent_by(kMain, SIGSEGV, SignalSent::kFromKernel, false)}, Scenario().killed(SIGSEGV)),
       VerdictClass::segfault, Confidence::strong, {"no address", "execve"},
       {"touched memory that is not its own"});
}

TEST(TracerTest, ItsEndTookTheProgramWithIt) {
  auto record = sent_by(812, SIGKILL, SignalSent::kFromKernel, false);
  told(with({record}), VerdictClass::killed_by_user, Confidence::likely,
       {"PTRACE_O_EXITKILL", "pid 812"}, {"not recorded", "RLIMIT"});
  record.target_tracer = 812;
  told(with({record}), VerdictClass::killed_by_user, Confidence::strong, {"PTRACE_O_EXITKILL"});
  told(with({sent_by(812, SIGKILL, SignalSent::kFromKernel, true)}), VerdictClass::killed_by_user,
       Confidence::strong, {"SIGKILL"}, {"PTRACE_O_EXITKILL"});
}

TEST(TimerTest, OnesOfItsOwnAreNotRecorded) {
  for (const int signal : {SIGALRM, SIGVTALRM, SIGPROF}) {
    told(with({}, Scenario().killed(signal)), VerdictClass::killed_by_user, Confidence::likely,
         {"most likely of a timer", "not recorded"}, {"OOM killer was"});
  }
  told(with({}, Scenario().killed(SIGRTMIN + 3)), VerdictClass::killed_by_user, Confidence::likely,
       {"timer_create"}, {"most likely of a timer"});
}

TEST(CpuLimitTest, WithoutASecondOfCpuItIsTheOneOfRealTimeTasks) {
  auto scenario =
      with({sent_by(kMain, SIGXCPU, SignalSent::kFromKernel)}, Scenario().killed(SIGXCPU));
  scenario.payload().after.cpu_stat.emplace().usage_usec = 120'000;
  told(scenario, VerdictClass::rlimit_exceeded, Confidence::strong, {"RLIMIT_RTTIME"},
       {"RLIMIT_CPU"});
  scenario.payload().after.cpu_stat->usage_usec = 1'200'000;
  told(scenario, VerdictClass::rlimit_exceeded, Confidence::strong, {"RLIMIT_CPU"},
       {"RLIMIT_RTTIME"});
}

TEST(StrictSeccompTest, IsASigkillThatNobodySent) {
  auto scenario = with({});
  scenario.death.faults = {line("seccomp", kMain, SIGKILL)};
  scenario.death.faults[0].syscall = 110;
  told(scenario, VerdictClass::seccomp_violation, Confidence::proven,
       {"system call 110", "strict mode", "no SIGKILL was sent"}, {"user space"});
  // Of another one: then it is only known that nobody sent it.
  scenario.death.faults[0].thread = 99;
  told(scenario, VerdictClass::killed_by_user, Confidence::likely, {"none to it was recorded"},
       {"system call 110"});
  scenario.death.faults[0].thread = kMain;
  scenario.death.signals.records = {sent_by(812, SIGKILL, 0)};
  told(scenario, VerdictClass::killed_by_user, Confidence::proven, {"pid 812"}, {"strict mode"});
}

// --- To every process at once

TEST(SysrqTest, TheKernelsLineSaysThatItSignalledAll) {
  for (const auto& [signal, key] : {std::pair{SIGTERM, "sysrq-e"}, {SIGKILL, "sysrq-i"}}) {
    auto scenario = with({}, Scenario().killed(signal));
    scenario.death.faults = {line("sysrq", -1, signal)};
    // Its signal is not on record, as all others are.
    told(scenario, VerdictClass::killed_by_user, Confidence::likely, {key, "every process"},
         {"not recorded", "by a process in user space"});
    scenario.death.signals.watched = false;
    told(scenario, VerdictClass::killed_by_user, Confidence::strong, {key, "every process"});
    scenario.death.signals.watched = true;
    scenario.death.signals.records = {sent_by(812, signal, SignalSent::kFromKernel)};
    told(scenario, VerdictClass::killed_by_user, Confidence::proven, {key, "pid 812"});
    // To one thread, or long after the line, the kernel sent it for another reason.
    scenario.death.signals.records.back().group = false;
    EXPECT_THAT(all_text(diagnose(scenario.death)), Not(HasSubstr(key)));
    scenario.death.signals.records.back().group = true;
    scenario.death.faults = {line("sysrq", -1, signal, 6)};
    EXPECT_THAT(all_text(diagnose(scenario.death)), Not(HasSubstr(" by sysrq")));
    scenario.death.faults = {line("sysrq", -1, signal)};
    // Somebody's own kill at that time is that.
    scenario.death.signals.records = {sent_by(812, signal, 0)};
    told(scenario, VerdictClass::killed_by_user, Confidence::proven, {"sent by pid 812"}, {key});
    scenario.death.signals.records = {};
    scenario.death.faults = {line("sysrq", -1, signal, 60)};
    told(scenario, VerdictClass::killed_by_user,
         signal == SIGKILL ? Confidence::likely : Confidence::strong, {}, {key});
  }
}

TEST(SysrqTest, WhoEndsOnItsTermSaysSo) {
  auto scenario = with({}, Scenario().exited(0));
  scenario.death.faults = {line("sysrq", -1, SIGTERM, 1)};
  told(scenario, VerdictClass::exited, Confidence::proven,
       {"sent SIGTERM shortly before by sysrq-e"});
}

TEST(SysrqTest, WithItsShimNobodySawTheStatus) {
  auto scenario = with({}, Scenario().nobody_saw_the_status());
  scenario.death.agent_was_away = true;
  told(scenario, VerdictClass::agent_restarted, Confidence::likely);
  scenario.death.faults = {line("sysrq", -1, SIGKILL, 2)};
  told(scenario, VerdictClass::killed_by_user, Confidence::likely, {"sysrq-i"});
}

// --- Killed with who would have taken down its status

TEST(LostStatusTest, TheRecordOfItsSigkillTellsWhoSentIt) {
  Scenario scenario;
  scenario.nobody_saw_the_status().death.signals = {true, {sent_by(812, SIGKILL, 0, false)}};
  scenario.death.signals.records[0].target_tracer = 0;
  told(scenario, VerdictClass::killed_by_cgroup_kill, Confidence::strong,
       {"wrote to cgroup.kill", "the wait status of the main process"});
  scenario.lost("the shim ended without recording an exit status");
  told(scenario, VerdictClass::killed_by_cgroup_kill, Confidence::strong, {"cgroup.kill"});
  scenario.death.signals.records[0].signal = SIGTERM;
  told(scenario, VerdictClass::unknown, Confidence::unknown);
  scenario.death.signals.records[0].signal = SIGKILL;
  scenario.death.signals.records[0].result = 1;
  told(scenario, VerdictClass::unknown, Confidence::unknown);
}

// memory.oom.group of a cgroup above took the shim too, and PID 1 before the main process.
TEST(LostStatusTest, TheOomKillOfItsInitIsItsOwn) {
  Scenario scenario;
  scenario.nobody_saw_the_status().lost("the shim ended without recording an exit status");
  scenario.death.init_pid = 1200;
  for (auto* cgroup : {&scenario.payload(), &scenario.scope(), &scenario.slice()}) {
    cgroup->after = {};
  }
  auto by_init = sent_by(1200, SIGKILL, SignalSent::kFromKernel);
  scenario.death.signals = {true, {by_init}};
  scenario.logged(Scenario::kill_of(1200, kSlice));
  told(scenario, VerdictClass::oom_ancestor_limit, Confidence::likely, {kSlice + " above it"},
       {"PID 1 of it"});
}

// --- A SIGTERM that nobody could look at in time

TEST(FrozenTest, TheCgroupIsFrozenAtTheEnd) {
  auto term = sent_by(812, SIGTERM, 0);
  term.boottime -= Usec{2'000'000};
  auto scenario = with({term, sent_by(812, SIGKILL, 0)});
  told(scenario, VerdictClass::term_ignored, Confidence::strong, {"did not end on"});
  scenario.payload().frozen = true;
  told(scenario, VerdictClass::killed_by_user, Confidence::proven, {"it was frozen"},
       {"did not end on"});
}

}  // namespace
}  // namespace cgwarden::diagnosis::odd_ends
