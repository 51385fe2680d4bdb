#include "diagnosis/unit_end.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>

namespace cgwarden::diagnosis {
namespace {

using ::testing::HasSubstr;

constexpr const char* kUnitPath = "/system.slice/web.service";

UnitEnd end_of(const std::string& result, int code, int status) {
  return {.unit = "web.service",
          .result = result,
          .code = code,
          .status = status,
          .main_pid = 42,
          .started = Usec(100'000'000),
          .ended = Usec(200'000'000)};
}

OomIncident kill_of(pid_t pid, const std::string& cgroup = kUnitPath,
                    Usec when = Usec(199'900'000)) {
  return {.boottime = when,
          .attributed = true,
          .cgroup = cgroup,
          .victims = {{.pid = pid, .comm = "web", .uid = {}, .rss = {}, .cgroup = cgroup}}};
}

OomRecord record_of(pid_t pid, OomConstraint constraint, const std::string& owner) {
  OomRecord record;
  record.constraint = constraint;
  record.oom_memcg = owner;
  record.victim_pid = pid;
  return record;
}

VerdictClass verdict_of(const UnitEnd& end, const std::vector<OomIncident>& incidents,
                        const std::vector<OomRecord>& records = {}) {
  return unit_verdict(end, oom_of(end, incidents), records).verdict;
}

TEST(UnitEnd, EndsOfItsOwn) {
  using enum VerdictClass;
  EXPECT_EQ(verdict_of(end_of("success", CLD_EXITED, 0), {}), exited);
  EXPECT_EQ(verdict_of(end_of("exit-code", CLD_EXITED, 3), {}), exited);
  EXPECT_EQ(verdict_of(end_of("exit-code", CLD_EXITED, 203), {}), exec_failed);
  EXPECT_EQ(verdict_of(end_of("core-dump", CLD_DUMPED, SIGSEGV), {}), segfault);
  EXPECT_EQ(verdict_of(end_of("signal", CLD_KILLED, SIGABRT), {}), aborted);
  EXPECT_EQ(verdict_of(end_of("signal", CLD_KILLED, SIGKILL), {}), killed_by_user);
  EXPECT_EQ(verdict_of(end_of("resources", 0, 0), {}), exec_failed);
  EXPECT_EQ(verdict_of(end_of("start-limit-hit", 0, 0), {}), exec_failed);
  EXPECT_EQ(verdict_of(end_of("protocol", 0, 0), {}), exec_failed);
  EXPECT_EQ(verdict_of(end_of("something-new", 0, 0), {}), unknown);
  // A limit of starts is no reason of a run that had an end of its own.
  EXPECT_EQ(verdict_of(end_of("start-limit-hit", CLD_EXITED, 3), {}), exited);
}

TEST(UnitEnd, SystemdsOwnSignalsAreNoFaultsOfTheProgram) {
  const auto watchdog = unit_verdict(end_of("watchdog", CLD_DUMPED, SIGABRT), nullptr, {});
  EXPECT_EQ(watchdog.verdict, VerdictClass::killed_by_watchdog);
  EXPECT_THAT(watchdog.text, HasSubstr("watchdog"));
  EXPECT_EQ(verdict_of(end_of("timeout", CLD_KILLED, SIGKILL), {}), VerdictClass::killed_by_user);
}

TEST(UnitEnd, ExitCodesOfSystemdSayWhatItCouldNotDo) {
  const auto exec = unit_verdict(end_of("exit-code", CLD_EXITED, 203), nullptr, {});
  EXPECT_THAT(exec.text, HasSubstr("203/EXEC"));
  EXPECT_THAT(exec.text, HasSubstr("could not be executed"));
  EXPECT_THAT(unit_verdict(end_of("exit-code", CLD_EXITED, 217), nullptr, {}).text,
              HasSubstr("User="));
  EXPECT_EQ(verdict_of(end_of("exit-code", CLD_EXITED, 244), {}), VerdictClass::exec_failed);
  // Codes that systemd gives no meaning are the program's own.
  for (const int code : {199, 223, 234, 245, 255}) {
    EXPECT_EQ(verdict_of(end_of("exit-code", CLD_EXITED, code), {}), VerdictClass::exited) << code;
  }
  // A code that the unit calls a success is none either.
  EXPECT_EQ(verdict_of(end_of("success", CLD_EXITED, 203), {}), VerdictClass::exited);
}

TEST(UnitEnd, IsQuotedAsSystemctlShowsIt) {
  EXPECT_EQ(quote_unit_end(end_of("exit-code", CLD_EXITED, 203)),
            "Result=exit-code, ExecMainCode=exited, ExecMainStatus=203/EXEC");
  EXPECT_EQ(quote_unit_end(end_of("watchdog", CLD_DUMPED, SIGABRT)),
            "Result=watchdog, ExecMainCode=dumped, ExecMainStatus=6/SIGABRT");
  EXPECT_EQ(quote_unit_end(end_of("resources", 0, 0)), "Result=resources");
}

TEST(UnitEnd, StoppedAsAskedWhateverItExitedWith) {
  UnitEnd end = end_of("success", CLD_KILLED, SIGTERM);
  EXPECT_EQ(verdict_of(end, {}), VerdictClass::killed_by_user);
  end.stopped = true;
  EXPECT_EQ(verdict_of(end, {}), VerdictClass::stopped);
}

TEST(UnitEnd, TheLimitIsTheOneThatTheKernelNames) {
  const UnitEnd end = end_of("oom-kill", CLD_KILLED, SIGKILL);
  const auto with = [&](const OomRecord& record) {
    return verdict_of(end, {kill_of(42)}, {record});
  };
  EXPECT_EQ(with(record_of(42, OomConstraint::memcg, kUnitPath)), VerdictClass::oom_own_limit);
  EXPECT_EQ(with(record_of(42, OomConstraint::memcg, "/system.slice/web.service/worker")),
            VerdictClass::oom_own_limit);
  EXPECT_EQ(with(record_of(42, OomConstraint::memcg, "/system.slice")),
            VerdictClass::oom_ancestor_limit);
  EXPECT_EQ(with(record_of(42, OomConstraint::global, "")), VerdictClass::oom_global);
  // Another's record says nothing of this one.
  EXPECT_EQ(with(record_of(43, OomConstraint::memcg, kUnitPath)), VerdictClass::unknown);
}

TEST(UnitEnd, NeverAnOomKillWithoutOneOfThisRun) {
  const auto own = record_of(42, OomConstraint::memcg, kUnitPath);
  const UnitEnd end = end_of("oom-kill", CLD_KILLED, SIGKILL);
  EXPECT_EQ(verdict_of(end, {}, {own}), VerdictClass::unknown);
  // Of a run before, of another unit, of another cgroup of the same name.
  EXPECT_EQ(verdict_of(end, {kill_of(42, kUnitPath, Usec(99'000'000))}, {own}),
            VerdictClass::unknown);
  EXPECT_EQ(verdict_of(end, {kill_of(42, "/system.slice/db.service")}, {own}),
            VerdictClass::unknown);
  EXPECT_EQ(
      verdict_of(end, {kill_of(42, "/user.slice/user-1000.slice/user@1000.service/web.service")},
                 {own}),
      VerdictClass::unknown);
}

TEST(UnitEnd, AChildsOomKillIsNotTheMainProcesssEnd) {
  const auto own = record_of(50, OomConstraint::memcg, kUnitPath);
  // It exited by itself later, or was killed by somebody.
  EXPECT_EQ(verdict_of(end_of("exit-code", CLD_EXITED, 1), {kill_of(50)}, {own}),
            VerdictClass::exited);
  EXPECT_EQ(verdict_of(end_of("signal", CLD_KILLED, SIGKILL), {kill_of(50)}, {own}),
            VerdictClass::killed_by_user);
  // systemd stopped it because of that kill (OOMPolicy=stop).
  EXPECT_EQ(verdict_of(end_of("oom-kill", CLD_KILLED, SIGTERM), {kill_of(50)}, {own}),
            VerdictClass::oom_own_limit);
}

}  // namespace
}  // namespace cgwarden::diagnosis
