// The table of deaths: counters, wait status and kernel log as the kernel gives them, and what must
// and must not be said of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "diagnosis/diagnose.h"
#include "tests/diagnosis/scenario.h"

namespace cgwarden::diagnosis {
namespace {

using testing::kMain;
using testing::kPayload;
using testing::kScope;
using testing::kSlice;
using testing::Scenario;

struct Row {
  std::string name;
  Scenario scenario;
  VerdictClass verdict;
  Confidence confidence;
  std::vector<std::string> answer_says;
  std::vector<std::string> answer_never_says = {};
};

std::vector<Row> rows() {
  using V = VerdictClass;
  using C = Confidence;
  std::vector<Row> rows;
  const auto row = [&](std::string name, const Scenario& scenario, V verdict, C confidence,
                       std::vector<std::string> says, std::vector<std::string> never = {}) {
    rows.push_back(
        {std::move(name), scenario, verdict, confidence, std::move(says), std::move(never)});
  };
  const auto main_kill = Scenario::kill_of(kMain);

  row("OwnLimit", Scenario().kill_counted(0).logged(main_kill), V::oom_own_limit, C::proven,
      {"own limit", "memory.max = 64.0 MiB", kPayload, "victim pid 1234 `leaker`", "RSS 63.1 MiB"},
      {"user space", "machine"});
  row("OwnLimitWithoutLog", Scenario().kill_counted(0), V::oom_own_limit, C::strong,
      {"own limit", "memory.max = 64.0 MiB"}, {"RSS"});
  row("OwnLimitRateLimitedLog", Scenario().kill_counted(0).logged(Scenario::bare_kill_of(kMain)),
      V::oom_own_limit, C::proven, {"own limit", "1234"});
  row("OwnLimitKernelLogLost",
      Scenario().kill_counted(0).logged(main_kill).lost("kernel log: 12 records were overwritten"),
      V::oom_own_limit, C::strong, {"own limit"});
  row("AncestorLimit", Scenario().kill_counted(2).logged(Scenario::kill_of(kMain, kSlice)),
      V::oom_ancestor_limit, C::proven,
      {kSlice + " above it reached its limit memory.max = 64.0 MiB"}, {"own limit"});
  row("AncestorLimitWithoutLog", Scenario().kill_counted(1), V::oom_ancestor_limit, C::strong,
      {kScope}, {"own limit"});
  row("GlobalOom", Scenario().global_kill_counted().logged(Scenario::global_kill_of(kMain)),
      V::oom_global, C::proven, {"whole machine was out of memory"}, {"own limit", "sysrq"});
  row("GlobalOomWithoutLog", Scenario().global_kill_counted(), V::oom_global, C::strong,
      {"whole machine was out of memory"}, {"own limit"});
  auto manual = Scenario::global_kill_of(kMain);
  manual.constraint = OomConstraint::manual;
  row("ManualOom", Scenario().global_kill_counted().logged(manual), V::oom_manual, C::proven,
      {"by hand (sysrq-f)"}, {"machine was out of memory"});
  row("NestedLimit",
      Scenario().nested_kill_counted().logged(
          Scenario::kill_of(kMain, kPayload + "/inner", kPayload + "/inner")),
      V::oom_nested_limit, C::proven, {"the workload itself set on " + kPayload + "/inner"},
      {"own limit", "machine"});
  auto cut = Scenario::kill_of(kMain, kPayload + "/inner", kPayload + "/inner");
  cut.limit_cut = true;
  row("NestedLimitOfALongPath", Scenario().nested_kill_counted().logged(cut), V::oom_nested_limit,
      C::proven, {"a cgroup below " + kPayload}, {"own limit", "machine", "inner was reached"});
  row("NestedLimitWithoutLog", Scenario().nested_kill_counted(), V::oom_nested_limit, C::likely,
      {"a cgroup below " + kPayload}, {"own limit", "machine"});
  row("ChildOomMainExits137",
      Scenario().kill_counted(0).logged(Scenario::kill_of(1300)).exited(137), V::exited, C::strong,
      {"exit code 137"}, {"killed", "OOM"});
  row("ChildOomMainExits", Scenario().kill_counted(0).exited(5), V::exited, C::strong,
      {"exit code 5"}, {"killed"});
  row("OomWithoutVictimThenKilled",
      [] {
        Scenario scenario;
        scenario.payload().after.memory_events_local = testing::events(475, 0);
        scenario.payload().after.memory_events = testing::events(475, 0);
        return scenario;
      }(),
      V::killed_by_user, C::strong, {"SIGKILL", "user space"}, {"own limit"});
  // A kill that it outlived, weeks ago, is not what killed it today.
  row("OutlivedAChildsOom", Scenario().kill_counted(0).outlived_that(), V::killed_by_user,
      C::strong, {"SIGKILL", "user space", "not by the kernel's OOM killer"}, {"own limit"});
  row("OutlivedAChildsLoggedOom",
      Scenario()
          .kill_counted(0)
          .logged(Scenario::kill_of(1300, kPayload, kPayload, 9))
          .outlived_that(),
      V::killed_by_user, C::strong, {"not by the kernel's OOM killer"}, {"own limit"});
  row("OutlivedAChildsOomAndExited", Scenario().kill_counted(0).outlived_that().exited(5),
      V::exited, C::proven, {"exit code 5"}, {"killed"});
  row("OutlivedAnOomAndDiedOfTheNext", Scenario().kill_counted(0).outlived_that().kill_counted(0),
      V::oom_own_limit, C::strong, {"own limit", "victim pid 1234"});
  row("OutlivedAnAncestorsLimitThenGlobalOom",
      Scenario().kill_counted(2).outlived_that().global_kill_counted(), V::oom_global, C::strong,
      {"whole machine was out of memory"}, {"above it"});
  row("OutlivedAnAncestorsLimitThenItsOwn",
      Scenario().kill_counted(2).outlived_that().kill_counted(0), V::oom_own_limit, C::strong,
      {"own limit"}, {"above it"});
  row("HungForLongAfterItsKill", Scenario().kill_counted(0).logged(main_kill).outlived_that(),
      V::oom_own_limit, C::proven, {"own limit", "1234"}, {"user space"});
  // Nobody looked when the counters rose: it may have been a child, weeks ago.
  row("OwnLimitTimeUnknown", Scenario().kill_counted(0).times_unknown(), V::oom_own_limit,
      C::likely, {"own limit"}, {"1234"});
  row("AncestorLimitTimeUnknown", Scenario().kill_counted(1).times_unknown(), V::oom_ancestor_limit,
      C::likely, {kScope}, {"1234"});
  row("GlobalOomTimeUnknown", Scenario().global_kill_counted().times_unknown(), V::oom_global,
      C::likely, {"whole machine"}, {"1234"});
  row("OwnLimitLoggedTimeUnknown", Scenario().kill_counted(0).logged(main_kill).times_unknown(),
      V::oom_own_limit, C::proven, {"own limit", "1234"});
  row("UserKill", Scenario(), V::killed_by_user, C::strong,
      {"SIGKILL", "user space", "not by the kernel's OOM killer"}, {"own limit"});
  row("UserTerm", Scenario().killed(SIGTERM), V::killed_by_user, C::strong,
      {"SIGTERM", "user space"});
  row("Exit0", Scenario().exited(0), V::exited, C::proven, {"finished", "exit code 0"}, {"killed"});
  row("Exit137", Scenario().exited(137), V::exited, C::proven, {"exit code 137"},
      {"killed", "SIGKILL"});
  row("Segfault", Scenario().killed(SIGSEGV), V::segfault, C::likely, {"SIGSEGV"}, {"OOM"});
  row("IllegalInstruction", Scenario().killed(SIGILL), V::illegal_instruction, C::likely,
      {"SIGILL"});
  row("ArithmeticFault", Scenario().killed(SIGFPE), V::arithmetic_fault, C::likely, {"SIGFPE"});
  row("BusError", Scenario().killed(SIGBUS), V::bus_error, C::likely, {"SIGBUS"});
  row("Abort", Scenario().killed(SIGABRT), V::aborted, C::likely, {"SIGABRT"});
  row("Seccomp", Scenario().killed(SIGSYS), V::seccomp_violation, C::likely, {"SIGSYS"});
  row("Breakpoint", Scenario().killed(SIGTRAP), V::aborted, C::likely, {"SIGTRAP"}, {"OOM"});
  row("BrokenPipe", Scenario().killed(SIGPIPE), V::broken_pipe, C::likely,
      {"SIGPIPE", "reader was gone"}, {"OOM", "user space"});
  row("OtherSignal", Scenario().killed(SIGALRM), V::killed_by_user, C::likely,
      {"SIGALRM", "a timer or I/O that it had asked for itself"}, {"OOM"});
  row("CpuTime", Scenario().killed(SIGXCPU), V::rlimit_exceeded, C::likely, {"RLIMIT_CPU"},
      {"OOM"});
  row("FileSize", Scenario().killed(SIGXFSZ), V::rlimit_exceeded, C::likely, {"RLIMIT_FSIZE"},
      {"OOM"});
  row("InitKilled", Scenario().init_killed(SIGKILL), V::killed_by_user, C::strong,
      {"PID 1 of its pid namespace", "SIGKILL"}, {"own limit"});
  row("InitOomKilled",
      Scenario().kill_counted(0).init_killed(SIGKILL).logged(Scenario::kill_of(1200)),
      V::oom_own_limit, C::likely, {"PID 1", "own limit", "1200"}, {"1234"});
  row("Stopped", Scenario().killed(SIGTERM).sent(SIGTERM), V::stopped, C::strong,
      {"was stopped: stop asked by uid 0"}, {"user space"});
  row("StoppedByExit", Scenario().exited(0).sent(SIGTERM), V::stopped, C::proven, {"was stopped"});
  row("StopTimeout", Scenario().sent(SIGTERM, 11).sent(SIGKILL), V::stopped, C::strong,
      {"was stopped"}, {"OOM"});
  row("NobodySaw", Scenario().nobody_saw_the_status(), V::unknown, C::unknown, {"not known"},
      {"killed", "OOM"});
  Scenario never_started;
  never_started.nobody_saw_the_status();
  never_started.death.launch_failure = LaunchFailure{"exec", ENOENT, "execve /bin/nope"};
  row("ExecFailed", never_started, V::exec_failed, C::proven,
      {"never started", "/bin/nope", "No such file or directory"}, {"killed"});
  return rows;
}

class DeathTest : public ::testing::TestWithParam<Row> {};

TEST_P(DeathTest, IsCalledByItsName) {
  const Row& row = GetParam();
  const Verdict verdict = diagnose(row.scenario.death);
  SCOPED_TRACE(testing::all_text(verdict));
  EXPECT_EQ(to_string(verdict.verdict), to_string(row.verdict));
  EXPECT_EQ(to_string(verdict.confidence), to_string(row.confidence));
  EXPECT_TRUE(verdict.death);
  EXPECT_EQ(verdict.workload, "leaker");
  EXPECT_EQ(verdict.incarnation, 2U);
  EXPECT_EQ(verdict.when.wall, row.scenario.death.ended.wall);
  EXPECT_EQ(verdict.from.wall, row.scenario.death.started.wall);
  for (const auto& words : row.answer_says) {
    EXPECT_THAT(verdict.answer, ::testing::HasSubstr(words));
  }
  for (const auto& words : row.answer_never_says) {
    EXPECT_THAT(verdict.answer, ::testing::Not(::testing::HasSubstr(words)));
  }
}

// The kernel log can only make the cause more certain, never the absence of it.
TEST_P(DeathTest, LostEvidenceLowersConfidence) {
  const Row& row = GetParam();
  Scenario blind = row.scenario;
  blind.lost("kernel log: not permitted");
  const Verdict verdict = diagnose(blind.death);
  if (row.verdict != VerdictClass::exec_failed) {
    EXPECT_NE(verdict.confidence, Confidence::proven) << verdict.answer;
  }
  EXPECT_THAT(verdict.evidence_lost, ::testing::Contains("kernel log: not permitted"));
}

// What stood in the counters before this incarnation says nothing of it.
TEST_P(DeathTest, EarlierCountsChangeNothing) {
  const Row& row = GetParam();
  Scenario later = row.scenario;
  for (auto& cgroup : later.death.cgroups) {
    for (auto* moment : {&cgroup.before, &cgroup.outlived, &cgroup.after}) {
      for (auto* events : {&moment->memory_events, &moment->memory_events_local}) {
        if (!*events) continue;
        (*events)->oom = *(*events)->oom + 7;
        (*events)->oom_kill = *(*events)->oom_kill + 9;
        (*events)->oom_group_kill = *(*events)->oom_group_kill + 3;
      }
    }
  }
  EXPECT_EQ(to_json(diagnose(later.death)), to_json(diagnose(row.scenario.death)));
}

// Kills elsewhere in the log say nothing of this death.
TEST_P(DeathTest, KillsOfOtherCgroupsChangeNothing) {
  const Row& row = GetParam();
  Scenario noisy = row.scenario;
  noisy.logged(Scenario::kill_of(77, "/other", "/other"));
  noisy.logged(Scenario::kill_of(78, kPayload + "2", kPayload + "2"));
  EXPECT_EQ(to_json(diagnose(noisy.death)), to_json(diagnose(row.scenario.death)));
}

// Whoever did not see the counters at the start never claims proof from them.
TEST_P(DeathTest, IsNeverProvenByCountersWhoseStartWasNotSeen) {
  const Row& row = GetParam();
  Scenario unseen = row.scenario;
  unseen.starts_unseen();
  const Verdict verdict = diagnose(unseen.death);
  const bool oom = verdict.verdict == VerdictClass::oom_own_limit ||
                   verdict.verdict == VerdictClass::oom_ancestor_limit ||
                   verdict.verdict == VerdictClass::oom_global;
  if (oom || verdict.verdict == VerdictClass::killed_by_user ||
      verdict.verdict == VerdictClass::exited) {
    EXPECT_NE(verdict.confidence, Confidence::proven) << verdict.answer;
  }
  EXPECT_THAT(verdict.answer, ::testing::Not(::testing::HasSubstr("not by the kernel")));
  EXPECT_THAT(testing::joined(verdict.ruled_out), ::testing::Not(::testing::HasSubstr("OOM: ")));
}

INSTANTIATE_TEST_SUITE_P(Table, DeathTest, ::testing::ValuesIn(rows()),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace cgwarden::diagnosis
