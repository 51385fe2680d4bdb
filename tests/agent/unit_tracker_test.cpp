#include "agent/unit_tracker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>

#include "agent/run_ends.h"
#include "base/limits.h"

namespace cgwarden::agent {
namespace {

constexpr Usec kClockOffset{1'000'000};
const std::string kService = "web.service";

UnitProperties running(const std::string& invocation, std::uint64_t started) {
  return {.active_state = "active",
          .sub_state = "running",
          .invocation = invocation,
          .started = Usec(started),
          .state_change = Usec(started)};
}

class UnitTrackerTest : public testing::Test {
 protected:
  UnitTracker::News tell(const UnitProperties& properties, const std::string& unit = kService) {
    UnitTracker::News news;
    EXPECT_TRUE(tracker_.update(unit, properties, kClockOffset, news));
    return news;
  }
  // The signal of the Service interface, which comes first and tells of nothing by itself.
  void service(const std::string& result, std::int32_t code, std::int32_t status,
               std::uint64_t main_exit, std::uint32_t restarts) {
    const auto news = tell({.result = result,
                            .restarts = restarts,
                            .main_pid = 42,
                            .code = code,
                            .status = status,
                            .main_exit = Usec(main_exit)});
    EXPECT_TRUE(news.ends.empty() && news.restarts.empty());
  }
  UnitTracker::News over(const std::string& active, const std::string& sub, std::uint64_t when,
                         std::uint64_t active_exit = 0) {
    return tell({.active_state = active,
                 .sub_state = sub,
                 .active_exit = Usec(active_exit),
                 .state_change = Usec(when)});
  }
  UnitTracker tracker_{Usec(50)};
};

TEST_F(UnitTrackerTest, OneEndForOneRun) {
  service("success", 0, 0, 0, 0);
  EXPECT_TRUE(tell(running("a", 100)).ends.empty());
  service("exit-code", CLD_EXITED, 3, 200, 0);
  const auto news = over("failed", "failed", 201, 200);
  ASSERT_EQ(news.ends.size(), 1U);
  const auto& end = news.ends.front();
  EXPECT_EQ(end.unit, kService);
  EXPECT_EQ(end.result, "exit-code");
  EXPECT_EQ(end.code, CLD_EXITED);
  EXPECT_EQ(end.status, 3);
  EXPECT_EQ(end.main_pid, 42);
  EXPECT_EQ(end.started, Usec(100) + kClockOffset);
  EXPECT_EQ(end.ended, Usec(200) + kClockOffset);
  EXPECT_FALSE(end.stopped);
  // systemctl reset-failed, daemon-reload.
  EXPECT_TRUE(over("inactive", "dead", 300, 200).ends.empty());
}

// As systemd 252 sends them: the first signals of a run have its invocation and main process, and
// the state of before.
TEST_F(UnitTrackerTest, ARunBeginsWithTheStateOfBefore) {
  service("success", 0, 0, 0, 0);
  UnitProperties first = running("a", 0);
  first.active_state = "inactive";
  first.sub_state = "dead";
  EXPECT_TRUE(tell(first).ends.empty());
  service("success", 0, 0, 0, 0);
  EXPECT_TRUE(tell(running("a", 100)).ends.empty());
  service("success", CLD_KILLED, SIGTERM, 200, 0);
  const auto stopped = over("inactive", "dead", 201, 150);
  ASSERT_EQ(stopped.ends.size(), 1U);
  EXPECT_TRUE(stopped.ends.front().stopped);
  service("success", 0, 0, 0, 1);
  UnitProperties again = first;
  again.invocation = "b";
  again.state_change = Usec(201);
  EXPECT_TRUE(tell(again).ends.empty());
  service("exit-code", CLD_EXITED, 3, 400, 1);
  EXPECT_EQ(over("failed", "failed", 401).ends.size(), 1U);
}

TEST_F(UnitTrackerTest, RestartsHaveTheResultOfTheRunBefore) {
  service("success", 0, 0, 0, 4);
  EXPECT_TRUE(tell(running("a", 100)).restarts.empty());  // those of before are no news
  service("signal", CLD_KILLED, SIGKILL, 200, 4);
  EXPECT_EQ(over("activating", "auto-restart", 201, 200).ends.size(), 1U);
  service("success", 0, 0, 0, 5);
  const auto news = tell(running("b", 300));
  ASSERT_EQ(news.restarts.size(), 1U);
  EXPECT_EQ(news.restarts.front().result, "signal");
  // Started by hand: systemd counts anew.
  service("success", 0, 0, 0, 0);
  EXPECT_TRUE(tell(running("c", 400)).restarts.empty());
}

TEST_F(UnitTrackerTest, StoppedIsWhatLeftItsActiveStateFirst) {
  service("success", 0, 0, 0, 0);
  (void)tell(running("a", 100));
  service("success", CLD_KILLED, SIGTERM, 205, 0);
  const auto news = over("inactive", "dead", 206, 200);
  ASSERT_EQ(news.ends.size(), 1U);
  EXPECT_TRUE(news.ends.front().stopped);
}

TEST_F(UnitTrackerTest, WhatEndedBeforeIsNoNews) {
  service("exit-code", CLD_EXITED, 1, 20, 0);
  EXPECT_TRUE(tell({.active_state = "failed",
                    .sub_state = "failed",
                    .invocation = "a",
                    .started = Usec(10),
                    .state_change = Usec(21)})
                  .ends.empty());
}

TEST_F(UnitTrackerTest, AMainProcessOfARunBeforeSaysNothingOfThisOne) {
  service("resources", CLD_EXITED, 1, 90, 0);
  const auto news = tell({.active_state = "failed",
                          .sub_state = "failed",
                          .invocation = "a",
                          .started = Usec(100),
                          .state_change = Usec(110)});
  ASSERT_EQ(news.ends.size(), 1U);
  EXPECT_EQ(news.ends.front().code, 0);
  EXPECT_EQ(news.ends.front().ended, Usec(110) + kClockOffset);
}

TEST_F(UnitTrackerTest, IsBoundedAndForgetsWhatSystemdForgot) {
  UnitTracker::News news;
  for (std::size_t i = 0; i < limits::kWatchedUnits; ++i) {
    ASSERT_TRUE(tracker_.update("u" + std::to_string(i), running("a", 100), kClockOffset, news));
  }
  EXPECT_FALSE(tracker_.update(kService, running("a", 100), kClockOffset, news));
  tracker_.removed("u7");
  EXPECT_TRUE(tracker_.update(kService, running("a", 100), kClockOffset, news));
}

// Ends that wait for the kernel's word.
class RunEndsTest : public testing::Test {
 protected:
  static diagnosis::OomIncident kill_in(const std::string& cgroup, Usec when) {
    return {.boottime = when,
            .attributed = true,
            .cgroup = cgroup,
            .victims = {{.pid = 42, .comm = "x", .uid = {}, .rss = {}, .cgroup = cgroup}}};
  }
  std::vector<RunEnds::Decided> take(Usec now) {
    return ends_.take(now, [](Usec, Usec) {
      diagnosis::OomRecord record;
      record.victim_pid = 42;
      record.oom_memcg = "/kubepods/pod1/c1";
      return std::vector{record};
    });
  }
  const identity::Subject unit_{.kind = identity::Subject::Kind::unit, .name = kService};
  const identity::Subject cart_{.kind = identity::Subject::Kind::container, .name = "cart"};
  RunEnds ends_;
};

TEST_F(RunEndsTest, AnExitIsDecidedAtOnceAndASigkillWaits) {
  ends_.ended(unit_, {.unit = kService, .result = "exit-code", .code = CLD_EXITED, .status = 3});
  ASSERT_EQ(take(Usec(1)).size(), 1U);
  ends_.ended(unit_, {.unit = kService,
                      .result = "signal",
                      .code = CLD_KILLED,
                      .status = SIGKILL,
                      .main_pid = 42,
                      .started = Usec(10),
                      .ended = Usec(20)});
  EXPECT_TRUE(take(Usec(21)).empty());
  const auto decided = take(Usec(20) + RunEnds::kWait);
  ASSERT_EQ(decided.size(), 1U);
  EXPECT_EQ(decided.front().answer.verdict, diagnosis::VerdictClass::killed_by_user);
}

diagnosis::DeathEvidence death_of(pid_t pid, const std::string& path, Usec ended) {
  diagnosis::DeathEvidence evidence;
  evidence.main_pid = pid;
  evidence.ended.boottime = ended;
  evidence.cgroups.emplace_back().path = path;
  return evidence;
}

// One end has one verdict, whoever tells of it first.
TEST_F(RunEndsTest, WhatSystemdAndTheKernelSayOfOneEndIsJoined) {
  ends_.systemd_tells(true);
  const diagnosis::UnitEnd end{.unit = kService,
                               .result = "watchdog",
                               .code = CLD_KILLED,
                               .status = SIGABRT,
                               .main_pid = 42,
                               .started = Usec(10),
                               .ended = Usec(20)};
  ends_.died(unit_, death_of(42, "/system.slice/" + std::string(kService), Usec(20)));
  EXPECT_TRUE(take(Usec(21)).empty());  // systemd has not spoken yet
  ends_.ended(unit_, end);
  const auto decided = take(Usec(22));
  ASSERT_EQ(decided.size(), 1U);
  ASSERT_TRUE(decided.front().evidence);
  EXPECT_EQ(decided.front().evidence->unit_end->result, "watchdog");
  // Neither is told again.
  ends_.died(unit_, death_of(42, "/x", Usec(20)));
  ends_.ended(unit_, end);
  EXPECT_TRUE(take(Usec(23) + RunEnds::kWait).empty());
}

// The oldest process of a cgroup need not be what systemd calls the main one.
class TwoMainsTest : public RunEndsTest {
 protected:
  TwoMainsTest() { ends_.systemd_tells(true); }
  static diagnosis::UnitEnd end_of(pid_t pid, Usec started, Usec ended) {
    return {.unit = kService,
            .result = "signal",
            .code = CLD_KILLED,
            .status = SIGTERM,
            .main_pid = pid,
            .started = started,
            .ended = ended};
  }
  static diagnosis::DeathEvidence oldest(pid_t pid, Usec started, Usec ended) {
    auto evidence = death_of(pid, "/system.slice/" + std::string(kService), ended);
    evidence.started.boottime = started;
    evidence.main_exit = {diagnosis::MainExit::Kind::exited, 3};
    return evidence;
  }
  static constexpr Usec kFrom{100'000'000};
  static constexpr Usec kTo{200'000'000};
  static constexpr Usec kSecond{1'000'000};
};

TEST_F(TwoMainsTest, AreOneEndAndSystemdsIsBelieved) {
  ends_.ended(unit_, end_of(42, kFrom, kTo));
  ends_.died(unit_, oldest(41, kFrom - kSecond, kTo + kSecond));
  const auto decided = take(kTo + 2 * kSecond);
  ASSERT_EQ(decided.size(), 1U);
  ASSERT_TRUE(decided[0].evidence);
  EXPECT_EQ(decided[0].evidence->main_pid, 42);
  ASSERT_TRUE(decided[0].evidence->main_exit);
  EXPECT_EQ(decided[0].evidence->main_exit->kind, diagnosis::MainExit::Kind::killed);
  EXPECT_EQ(decided[0].evidence->main_exit->status, SIGTERM);
  EXPECT_TRUE(take(kTo + 60 * kSecond).empty());
}

TEST_F(TwoMainsTest, AreOneEndWhoeverTellsOfItLate) {
  ends_.ended(unit_, end_of(42, kFrom, kTo));
  EXPECT_EQ(take(kTo + kSecond).size(), 1U);
  ends_.died(unit_, oldest(41, kFrom, kTo + 2 * kSecond));
  EXPECT_TRUE(take(kTo + 20 * kSecond).empty());
  // The next run.
  ends_.died(unit_, oldest(51, kTo + 3 * kSecond, kTo + 30 * kSecond));
  EXPECT_EQ(take(kTo + 40 * kSecond).size(), 1U);
  ends_.ended(unit_, end_of(52, kTo + 3 * kSecond, kTo + 30 * kSecond));
  EXPECT_TRUE(take(kTo + 41 * kSecond).empty());
}

TEST_F(TwoMainsTest, OfTwoRunsAreTwoEnds) {
  ends_.ended(unit_, end_of(42, kFrom, kTo));
  EXPECT_EQ(take(kTo + kSecond).size(), 1U);
  ends_.ended(unit_, end_of(52, kTo + kSecond, kTo + 2 * kSecond));
  EXPECT_EQ(take(kTo + 3 * kSecond).size(), 1U);
  // Each process is of its own run, also when both are told of at once.
  const Usec later = kTo + 100 * kSecond;
  ends_.ended(unit_, end_of(61, later, later + kSecond));
  ends_.ended(unit_, end_of(62, later + kSecond, later + 2 * kSecond));
  ends_.died(unit_, oldest(62, later + kSecond, later + 2 * kSecond));
  ends_.died(unit_, oldest(61, later, later + kSecond));
  const auto decided = take(later + 3 * kSecond);
  ASSERT_EQ(decided.size(), 2U);
  for (const auto& end : decided) {
    ASSERT_TRUE(end.evidence && end.unit);
    EXPECT_EQ(end.evidence->main_pid, end.unit->main_pid);
    EXPECT_EQ(end.evidence->main_exit->status, 3);
  }
}

TEST_F(RunEndsTest, SystemdIsNotWaitedForForEver) {
  ends_.systemd_tells(true);
  ends_.died(unit_, death_of(42, "/system.slice/x", Usec(20)));
  EXPECT_TRUE(take(Usec(21)).empty());
  EXPECT_EQ(take(Usec(20) + RunEnds::kWait).size(), 1U);
  ends_.systemd_tells(false);
  ends_.died(unit_, death_of(43, "/system.slice/x", Usec(30)));
  EXPECT_EQ(take(Usec(30)).size(), 1U);
}

// A unit with KillMode=process leaves processes behind, and one that is stopped slowly has them for
// a minute and a half: what was seen of its main process belongs to its end all the same.
TEST_F(TwoMainsTest, WhatWasSeenBeforeOthersWentOnIsKeptForSystemdsWord) {
  ends_.lingers(unit_, oldest(42, kFrom, kTo));
  EXPECT_TRUE(take(kTo + 90 * kSecond).empty());  // it may go on with the others
  ends_.ended(unit_, end_of(42, kFrom, kTo + 91 * kSecond));
  const auto decided = take(kTo + 92 * kSecond);
  ASSERT_EQ(decided.size(), 1U);
  ASSERT_TRUE(decided.front().evidence);
  EXPECT_EQ(decided.front().evidence->ended.boottime, kTo);
  EXPECT_TRUE(decided.front().evidence->unit_end);
  EXPECT_TRUE(take(kTo + 300 * kSecond).empty());
}

TEST_F(TwoMainsTest, OneThatGoesOnWithoutItsOldestProcessHasNotEnded) {
  ends_.lingers(unit_, oldest(42, kFrom, kTo));
  EXPECT_TRUE(take(kTo + 181 * kSecond).empty());
  // And is of no end of later.
  ends_.ended(unit_, end_of(42, kFrom, kTo + 182 * kSecond));
  const auto decided = take(kTo + 190 * kSecond);
  ASSERT_EQ(decided.size(), 1U);
  EXPECT_FALSE(decided.front().evidence);
  // Of one that ended whole there is one end.
  ends_.lingers(unit_, oldest(52, kTo, kTo + 200 * kSecond));
  ends_.died(unit_, oldest(52, kTo, kTo + 201 * kSecond));
  ends_.ended(unit_, end_of(52, kTo, kTo + 201 * kSecond));
  EXPECT_EQ(take(kTo + 210 * kSecond).size(), 1U);
  EXPECT_TRUE(take(kTo + 400 * kSecond).empty());
}

TEST_F(RunEndsTest, AContainersProcessesMayOutliveItsMainOneForLong) {
  const Usec end{100'000'000};
  ends_.lingers(cart_, death_of(42, "/kubepods/pod1/c1", end));
  EXPECT_TRUE(take(end + Usec(60'000'000)).empty());
  ends_.ended({cart_, "/kubepods/pod1/c1", end + Usec(60'000'000)});
  const auto decided = take(end + Usec(61'000'000));
  ASSERT_EQ(decided.size(), 1U);
  EXPECT_TRUE(decided.front().evidence);
}

TEST_F(RunEndsTest, AContainersDeathAndTheEndOfItsCgroupAreOneEnd) {
  const Usec end{100'000'000};
  ends_.died(cart_, death_of(42, "/kubepods/pod1/c1", end));
  EXPECT_EQ(take(end).size(), 1U);
  ends_.ended({cart_, "/kubepods/pod1/c1", end + Usec(1'000'000)});
  EXPECT_TRUE(take(end + RunEnds::kWait + Usec(2'000'000)).empty());
  // The next container there is another one.
  ends_.ended({cart_, "/kubepods/pod1/c1", end + Usec(9'000'000)});
  EXPECT_EQ(take(end + RunEnds::kWait + Usec(9'000'000)).size(), 1U);
}

TEST_F(RunEndsTest, AContainerThatWasOomKilled) {
  const Usec end{100'000'000};
  ends_.ended({cart_, "/kubepods/pod1/c1", end});
  EXPECT_TRUE(take(end).empty());
  ends_.add(kill_in("/kubepods/pod1/c1", end - Usec(500'000)));
  const auto decided = take(end + Usec(1'000'000));
  ASSERT_EQ(decided.size(), 1U);
  EXPECT_EQ(decided.front().answer.verdict, diagnosis::VerdictClass::oom_own_limit);
  EXPECT_EQ(decided.front().subject.name, "cart");
}

TEST_F(RunEndsTest, AContainerOfWhichNothingIsKnownIsUnknown) {
  const Usec end{100'000'000};
  ends_.add(kill_in("/kubepods/pod1/c12", end - Usec(500'000)));
  ends_.add(kill_in("/kubepods/pod1/c1", end - Usec(60'000'000)));  // long before
  ends_.ended({cart_, "/kubepods/pod1/c1", end});
  EXPECT_TRUE(take(end + Usec(1)).empty());
  const auto decided = take(end + RunEnds::kWait);
  ASSERT_EQ(decided.size(), 1U);
  EXPECT_EQ(decided.front().answer.verdict, diagnosis::VerdictClass::unknown);
}

}  // namespace
}  // namespace cgwarden::agent
