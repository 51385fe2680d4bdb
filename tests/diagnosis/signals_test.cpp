// Who sent the signal: what the kernel's record of it adds to, and takes from, the wait status and
// the counters.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "diagnosis/diagnose.h"
#include "diagnosis/signal_book.h"
#include "tests/diagnosis/scenario.h"

namespace cgwarden::diagnosis {
namespace {

using testing::all_text;
using ::testing::Contains;
using ::testing::HasSubstr;
using testing::kMain;
using testing::kPayload;
using testing::kScope;
using testing::kSlice;
using ::testing::Not;
using testing::Scenario;

constexpr pid_t kInit = 1200;
constexpr pid_t kAgent = 900;
constexpr Usec kKilled{22'450'000};

SignalSent sent(int signal, pid_t target = kMain, Usec when = kKilled) {
  SignalSent record;
  record.boottime = when;
  record.signal = signal;
  record.group = true;
  record.target = target;
  record.target_task = target;
  record.target_cgroup = kPayload;
  record.target_state = TargetState::able;
  record.sender = {.pid = 812,
                   .comm = "prober",
                   .exe = "/usr/bin/prober",
                   .command = "/usr/bin/prober --every 5",
                   .cgroup = "/system.slice/prober.service",
                   .uid = 33,
                   .login_uid = {}};
  return record;
}

SignalSent from_kernel(pid_t sender, pid_t target = kMain) {
  SignalSent record = sent(SIGKILL, target);
  record.code = SignalSent::kFromKernel;
  record.sender = {.pid = sender,
                   .comm = "leaker",
                   .exe = {},
                   .command = {},
                   .cgroup = {},
                   .uid = {},
                   .login_uid = {}};
  return record;
}

Scenario with(std::vector<SignalSent> records, Scenario scenario = Scenario()) {
  scenario.death.agent_pid = kAgent;
  scenario.death.own_top = kScope;
  scenario.death.signals = {true, std::move(records)};
  return scenario;
}

void expect(const Scenario& scenario, VerdictClass wanted, Confidence confidence,
            const std::vector<std::string>& says) {
  const Verdict verdict = diagnose(scenario.death);
  SCOPED_TRACE(all_text(verdict));
  EXPECT_EQ(to_string(verdict.verdict), to_string(wanted));
  EXPECT_EQ(to_string(verdict.confidence), to_string(confidence));
  for (const auto& words : says) EXPECT_THAT(verdict.answer, HasSubstr(words));
}

TEST(SignalsTest, TheSenderIsNamedAndProven) {
  const auto scenario = with({sent(SIGKILL)});
  expect(scenario, VerdictClass::killed_by_user, Confidence::proven,
         {"SIGKILL", "pid 812", "/usr/bin/prober --every 5", "uid 33",
          "/system.slice/prober.service"});
  const Verdict verdict = diagnose(scenario.death);
  EXPECT_EQ(verdict.actor->pid, 812);
  EXPECT_EQ(verdict.actor->exe, "/usr/bin/prober");
  EXPECT_EQ(verdict.actor->cgroup, "/system.slice/prober.service");
  EXPECT_EQ(verdict.actor->uid, 33U);
  const auto again = parse_verdict(to_json(verdict), "");
  ASSERT_TRUE(again);
  EXPECT_EQ(again->actor->exe, verdict.actor->exe);
  EXPECT_EQ(again->actor->uid, verdict.actor->uid);
}

TEST(SignalsTest, AKillByAProcessIsNoOomHoweverTheCountersStand) {
  const auto scenario =
      with({sent(SIGKILL)}, Scenario().kill_counted(0).logged(Scenario::kill_of(1300)));
  expect(scenario, VerdictClass::killed_by_user, Confidence::proven, {"pid 812"});
  const Verdict verdict = diagnose(scenario.death);
  EXPECT_THAT(verdict.contributing, Contains(HasSubstr("OOM killer was at work")));
  EXPECT_THAT(verdict.answer, Not(HasSubstr("own limit")));
}

// Whose kill the missing lines tell of is told by the signal.
TEST(SignalsTest, LinesThatTheLogDoesNotHaveTakeNothingFromIt) {
  const auto scenario =
      with({sent(SIGKILL)}, Scenario().kill_counted(0, 0, 12).logged(Scenario::kill_of(1300)));
  expect(scenario, VerdictClass::killed_by_user, Confidence::proven, {"pid 812"});
  EXPECT_THAT(diagnose(scenario.death).evidence_lost, Contains(HasSubstr("12 OOM kills")));
}

TEST(SignalsTest, TheKernelsSignalStaysAnOom) {
  expect(with({from_kernel(kMain)}, Scenario().kill_counted(0).logged(Scenario::kill_of(kMain))),
         VerdictClass::oom_own_limit, Confidence::proven, {"own limit"});
}

TEST(SignalsTest, TheFirstSigkillCounts) {
  auto later = sent(SIGKILL, kMain, kKilled + Usec{5});
  later.result = 2;
  expect(with({from_kernel(kMain), later},
              Scenario().kill_counted(0).logged(Scenario::kill_of(kMain))),
         VerdictClass::oom_own_limit, Confidence::proven, {"own limit"});
}

TEST(SignalsTest, TheKernelsCodeAloneIsNoOom) {
  const auto scenario = with({from_kernel(77)});
  const Verdict verdict = diagnose(scenario.death);
  EXPECT_NE(verdict.confidence, Confidence::proven);
  EXPECT_FALSE(is_oom_death(verdict.verdict)) << all_text(verdict);
}

TEST(SignalsTest, ANamespaceThatEndsIsNoOom) {
  auto scenario = with({from_kernel(kInit)});
  scenario.death.init_pid = kInit;
  expect(scenario, VerdictClass::pid_namespace_ended, Confidence::proven, {"PID 1", "1200"});
}

TEST(SignalsTest, WhoKilledInitKilledTheCommand) {
  auto scenario = with({sent(SIGKILL, kInit), from_kernel(kInit)});
  scenario.death.init_pid = kInit;
  expect(scenario, VerdictClass::killed_by_user, Confidence::proven,
         {"PID 1 of its pid namespace", "pid 812"});
  scenario.init_killed(SIGKILL);
  scenario.death.init_pid = kInit;
  expect(scenario, VerdictClass::killed_by_user, Confidence::proven,
         {"PID 1 of its pid namespace", "pid 812"});
}

TEST(SignalsTest, WhatInitPassedOnIsItsSenders) {
  auto passed = sent(SIGTERM);
  passed.sender = {.pid = kInit,
                   .comm = "init",
                   .exe = "/init",
                   .command = "/init",
                   .cgroup = kPayload,
                   .uid = 0,
                   .login_uid = {}};
  auto scenario =
      with({sent(SIGTERM, kInit, kKilled - Usec{100}), passed}, Scenario().killed(SIGTERM));
  scenario.death.init_pid = kInit;
  expect(scenario, VerdictClass::killed_by_user, Confidence::proven, {"SIGTERM", "pid 812"});
}

TEST(SignalsTest, AWriteToCgroupKillIsToldFromKill) {
  auto record = sent(SIGKILL);
  record.group = false;
  record.target_tracer = 0;
  expect(with({record}), VerdictClass::killed_by_cgroup_kill, Confidence::proven,
         {"cgroup.kill", "pid 812"});
}

TEST(SignalsTest, OurOwnStopStaysOurs) {
  auto record = sent(SIGTERM);
  record.sender.pid = kAgent;
  expect(with({record}, Scenario().killed(SIGTERM).sent(SIGTERM)), VerdictClass::stopped,
         Confidence::proven, {"was stopped"});
}

TEST(SignalsTest, SomebodyElsesKillDuringOurStopIsTheirs) {
  expect(with({sent(SIGKILL)}, Scenario().sent(SIGTERM)), VerdictClass::killed_by_user,
         Confidence::proven, {"pid 812"});
}

TEST(SignalsTest, OldMarksOfACgroupAboveSayNothing) {
  auto record = sent(SIGKILL);
  record.oomd_marks = {{"user.oomd_ooms", "1"}, {"user.oomd_kill", "3"}};
  record.oomd_cgroup = kSlice;
  expect(with({record}), VerdictClass::killed_by_user, Confidence::proven, {"pid 812"});
}

Scenario throttled(Scenario scenario) {
  auto& payload = scenario.payload();
  payload.before.cpu_stat.emplace();
  payload.before.cpu_stat->nr_periods = 10;
  payload.before.cpu_stat->nr_throttled = 5;
  payload.after.cpu_stat = payload.before.cpu_stat;
  payload.after.cpu_stat->nr_periods = 41;
  payload.after.cpu_stat->nr_throttled = 35;
  return scenario;
}

TEST(SignalsTest, AThrottledOneWasKilledByAWatchdog) {
  expect(throttled(with({sent(SIGKILL)})), VerdictClass::killed_by_watchdog, Confidence::likely,
         {"pid 812", "throttled in 30 of 31 periods"});
}

TEST(SignalsTest, SomebodyAtATerminalIsNoWatchdog) {
  auto record = sent(SIGKILL);
  record.sender.login_uid = 1000;
  expect(throttled(with({record})), VerdictClass::killed_by_user, Confidence::proven,
         {"logged in as uid 1000"});
}

TEST(SignalsTest, ATermThatItOutlivedBelongsToTheStory) {
  auto term = sent(SIGTERM, kMain, kKilled - Usec{10'000'000});
  expect(with({term, sent(SIGKILL)}), VerdictClass::term_ignored, Confidence::proven,
         {"did not end on the SIGTERM of 10.00 s before"});
  term.result = 1;
  expect(with({term, sent(SIGKILL)}), VerdictClass::term_ignored, Confidence::proven,
         {"it ignores SIGTERM"});
  term.target_is_namespace_init = true;
  expect(with({term, sent(SIGKILL)}), VerdictClass::term_ignored_by_pid1, Confidence::proven,
         {"PID 1 of a pid namespace has no default action"});
}

// Who looks PID 1 up in /proc may come too late.
TEST(SignalsTest, TheLaunchKnowsWhoIsPid1) {
  auto term = sent(SIGTERM, kMain, kKilled - Usec{500'000});
  term.result = 1;
  auto scenario = with({term, sent(SIGKILL)});
  scenario.death.main_is_pid1 = true;
  expect(scenario, VerdictClass::term_ignored_by_pid1, Confidence::proven,
         {"PID 1 of a pid namespace has no default action"});
}

TEST(SignalsTest, WhoKillsItselfIsNotSomebodyElse) {
  auto own = sent(SIGKILL);
  own.sender.pid = kMain;
  const auto verdict = diagnose(with({own}).death);
  EXPECT_EQ(verdict.verdict, VerdictClass::killed_by_user);
  EXPECT_EQ(verdict.confidence, Confidence::proven);
  EXPECT_THAT(verdict.answer, HasSubstr("by itself"));
  ASSERT_TRUE(verdict.actor);
  EXPECT_EQ(verdict.actor->pid, kMain);
  EXPECT_THAT(all_text(verdict), Not(HasSubstr("was not recorded")));
}

TEST(SignalsTest, AFaultIsToldFromTheSameSignalOfAnother) {
  auto fault = sent(SIGSEGV);
  fault.code = 1;
  fault.group = false;
  fault.sender.pid = kMain;
  expect(with({fault}, Scenario().killed(SIGSEGV)), VerdictClass::segfault, Confidence::strong,
         {"SIGSEGV"});
  expect(with({sent(SIGSEGV)}, Scenario().killed(SIGSEGV)), VerdictClass::killed_by_user,
         Confidence::proven, {"SIGSEGV", "pid 812"});
  auto abort = sent(SIGABRT);
  abort.code = -6;
  abort.group = false;
  abort.sender.pid = kMain;
  expect(with({abort}, Scenario().killed(SIGABRT)), VerdictClass::aborted, Confidence::proven,
         {"SIGABRT"});
}

TEST(SignalsTest, AWriteToABrokenPipeIsToldFromTheSameSignalOfAnother) {
  auto write = sent(SIGPIPE);
  write.group = false;
  write.sender = {};
  write.sender.pid = kMain;
  expect(with({write}, Scenario().killed(SIGPIPE)), VerdictClass::broken_pipe, Confidence::strong,
         {"SIGPIPE", "whose reader was gone"});
  expect(with({sent(SIGPIPE)}, Scenario().killed(SIGPIPE)), VerdictClass::killed_by_user,
         Confidence::proven, {"SIGPIPE", "pid 812"});
  // raise(3), and kill(2) of itself, say nothing of a pipe.
  auto raised = write;
  raised.code = -6;
  expect(with({raised}, Scenario().killed(SIGPIPE)), VerdictClass::broken_pipe, Confidence::likely,
         {"as far as is known"});
  auto killed = write;
  killed.group = true;
  expect(with({killed}, Scenario().killed(SIGPIPE)), VerdictClass::broken_pipe, Confidence::likely,
         {"as far as is known"});
  // As runtimes do that catch it first.
  raised.boottime = write.boottime + Usec{100};
  expect(with({write, raised}, Scenario().killed(SIGPIPE)), VerdictClass::broken_pipe,
         Confidence::strong, {"whose reader was gone"});
}

TEST(SignalsTest, AHandlerThatRaisesItsSignalAgainIsNotItsSender) {
  auto again = sent(SIGTERM, kMain, kKilled + Usec{50});
  again.code = -6;
  again.sender.pid = kMain;
  expect(with({sent(SIGTERM), again}, Scenario().killed(SIGTERM)), VerdictClass::killed_by_user,
         Confidence::proven, {"pid 812"});
}

TEST(SignalsTest, AHandledSignalOfLongAgoIsNotTheLastOne) {
  auto own = sent(SIGTERM);
  own.code = -6;
  own.sender.pid = kMain;
  auto scenario = with({sent(SIGTERM, kMain, Usec{10'100'000}), own}, Scenario().killed(SIGTERM));
  expect(scenario, VerdictClass::killed_by_user, Confidence::proven, {"pid 812"});
  for (auto* time : {&scenario.death.ended.boottime, &scenario.death.signals.records[1].boottime}) {
    *time += Usec{3'600'000'000};
  }
  expect(scenario, VerdictClass::killed_by_user, Confidence::proven, {"by itself"});
}

// Its sender is whoever the CPU ran just then.
TEST(SignalsTest, ATimerOfTheProgramNamesNobodyElse) {
  auto timer = sent(SIGTERM);
  timer.code = -2;
  expect(with({timer}, Scenario().killed(SIGTERM)), VerdictClass::killed_by_user,
         Confidence::likely, {"by a timer that it had set up itself"});
  const Verdict verdict = diagnose(with({timer}, Scenario().killed(SIGTERM)).death);
  EXPECT_THAT(all_text(verdict), Not(HasSubstr("812")));
}

TEST(SignalsTest, WhatAProgramRaisesItselfIsNoProvenFault) {
  auto fault = sent(SIGSEGV);
  fault.code = 1;
  fault.group = false;
  fault.sender.pid = kMain;
  auto raised = fault;
  raised.code = -6;
  raised.boottime += Usec{100};
  const auto scenario = with({raised}, Scenario().killed(SIGSEGV));
  expect(scenario, VerdictClass::segfault, Confidence::likely, {"sent to itself"});
  EXPECT_THAT(diagnose(scenario.death).answer, Not(HasSubstr("touched memory")));
  // By a handler, after the fault that it saw.
  expect(with({fault, raised}, Scenario().killed(SIGSEGV)), VerdictClass::segfault,
         Confidence::strong, {"touched memory"});
}

TEST(SignalsTest, ATermAtTheSameMomentWasNotIgnored) {
  const auto term = sent(SIGTERM, kMain, kKilled - Usec{5'000});
  expect(with({term, sent(SIGKILL)}), VerdictClass::killed_by_user, Confidence::proven,
         {"SIGKILL", "pid 812"});
}

// Asked for by `cgwarden kill`: a reload, or what it has long outlived. A stop may take its time.
TEST(SignalsTest, WhatWeSentLongAgoIsNoStop) {
  Scenario old;
  old.death.ended.boottime += Usec{86'400'000'000};
  old.exited(1);
  for (const auto& [signal, seconds] : {std::pair{SIGHUP, 60}, {SIGTERM, 3600}}) {
    old.sent(signal, static_cast<std::uint64_t>(seconds)).death.own_actions.back().to_end = false;
    expect(old, VerdictClass::exited, Confidence::proven, {"1"});
  }
  Scenario killed = old;
  killed.sent(SIGTERM, 20).death.own_actions.back().to_end = false;
  expect(killed, VerdictClass::stopped, Confidence::proven, {"was stopped"});
  expect(old.sent(SIGTERM, 3600), VerdictClass::stopped, Confidence::proven, {"was stopped"});
}

TEST(SignalsTest, LimitsOfTheProcessItself) {
  expect(with({from_kernel(kMain)}), VerdictClass::rlimit_exceeded, Confidence::strong,
         {"RLIMIT_CPU", "hard limit"});
  expect(with({sent(SIGXCPU)}, Scenario().killed(SIGXCPU)), VerdictClass::killed_by_user,
         Confidence::proven, {"pid 812"});
}

TEST(SignalsTest, AnExitAfterASignalSaysWhoAsked) {
  const auto verdict = diagnose(with({sent(SIGTERM)}, Scenario().exited(143)).death);
  EXPECT_EQ(verdict.verdict, VerdictClass::exited);
  EXPECT_THAT(verdict.contributing, Contains(HasSubstr("sent SIGTERM by pid 812")));
}

TEST(SignalsTest, LostRecordsLowerConfidence) {
  auto scenario = with({sent(SIGKILL)});
  scenario.lost("signals: 5 records of senders were not taken down in time");
  expect(scenario, VerdictClass::killed_by_user, Confidence::strong, {"pid 812"});
}

TEST(SignalBookTest, KeepsTheNewestAndKnowsSinceWhen) {
  SignalBook book(2);
  book.begin(Usec{1});
  for (const std::uint64_t at : {10'000'000U, 20'000'000U, 30'000'000U}) {
    book.add(sent(SIGTERM, 7, Usec{at}));
  }
  EXPECT_EQ(book.size(), 2U);
  const auto all = book.of({7}, Usec{0}, Usec{40'000'000});
  EXPECT_EQ(all.records.size(), 2U);
  EXPECT_TRUE(all.watched);
  // What was pushed out may have killed one that died then.
  EXPECT_FALSE(book.of({7}, Usec{0}, Usec{11'000'000}).watched);
  EXPECT_TRUE(book.of({8}, Usec{0}, Usec{40'000'000}).records.empty());
}

TEST(SignalBookTest, BrokenPipesPushNoKillOut) {
  SignalBook book(2);
  book.begin(Usec{1});
  book.add(sent(SIGKILL, 7, Usec{10'000'000}));
  for (std::uint64_t i = 0; i < 2000; ++i) book.add(sent(SIGPIPE, 8, Usec{10'000'001 + i}));
  const auto found = book.of({7, 8}, Usec{9'000'000}, Usec{11'000'000});
  EXPECT_TRUE(found.watched);
  ASSERT_EQ(found.records.size(), 1 + limits::kPipeSignalsKept);
  EXPECT_EQ(found.records.front().signal, SIGKILL);
  EXPECT_EQ(found.records.back().boottime, Usec{10'002'000});
}

// A command can be dead before its launcher has noted down when it started.
TEST(SignalBookTest, ASignalFromBeforeTheNotedStartIsOfThatRun) {
  SignalBook book;
  book.begin(Usec{0});
  book.add(sent(SIGSEGV, 7, Usec{9'800'000}));
  EXPECT_EQ(book.of({7}, Usec{10'000'000}, Usec{10'100'000}).records.size(), 1U);
  EXPECT_EQ(book.of({7}, Usec{60'000'000}, Usec{60'100'000}).records.size(), 0U);
}

TEST(SignalBookTest, KnowsWhenSomeWereLost) {
  SignalBook book;
  book.begin(Usec{0});
  book.add(sent(SIGTERM, 7, Usec{10}));
  book.lose(Usec{20}, 5);
  book.add(sent(SIGTERM, 7, Usec{30}));
  EXPECT_EQ(book.lost(Usec{15}, Usec{40}), 5U);
  EXPECT_EQ(book.lost(Usec{25}, Usec{40}), 0U);
  book.end(Usec{50});
  EXPECT_FALSE(book.of({7}, Usec{0}, Usec{60}).watched);
  EXPECT_TRUE(book.of({7}, Usec{0}, Usec{45}).watched);
}

}  // namespace
}  // namespace cgwarden::diagnosis
