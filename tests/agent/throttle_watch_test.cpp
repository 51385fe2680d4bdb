#include "agent/throttle_watch.h"

#include <gtest/gtest.h>

namespace cgwarden::agent {
namespace {

constexpr std::uint64_t kSecond = 1'000'000;

// A cgroup with a quota of 20 ms in periods of 100 ms, `throttled` of whose ten periods a second
// are throttled.
class ThrottleWatchTest : public testing::Test {
 protected:
  std::optional<diagnosis::Verdict> second(std::uint64_t throttled, std::uint64_t id = 1) {
    now_ += kSecond;
    stat_.nr_periods = *stat_.nr_periods + 10;
    stat_.nr_throttled = *stat_.nr_throttled + throttled;
    stat_.throttled_usec = *stat_.throttled_usec + throttled * 70'000;
    stat_.usage_usec = *stat_.usage_usec + 200'000;
    cgroup::Sample sample;
    sample.id = CgroupId{id};
    sample.path = "/cgwarden.slice/web.scope/payload";
    sample.cpu_stat = stat_;
    sample.cpu_max = cgroup::CpuMax{Usec(20000), Usec(100000)};
    return watch_.observe("web", 1, cgroup::Snapshot(TimePoint{Usec(now_), Usec(now_)}, {sample}),
                          sample.path);
  }
  // One second of a quota above that is used up by all below it, while the workload has none and
  // waits `waited_usec` of it.
  std::optional<diagnosis::Verdict> second_above(std::uint64_t waited_usec) {
    now_ += kSecond;
    waited_ += waited_usec;
    stat_.nr_periods = *stat_.nr_periods + 10;
    stat_.nr_throttled = *stat_.nr_throttled + 9;
    stat_.throttled_usec = *stat_.throttled_usec + 630'000;
    stat_.usage_usec = *stat_.usage_usec + 200'000;
    cgroup::Sample slice;
    slice.id = CgroupId{1};
    slice.path = "/s";
    slice.cpu_stat = stat_;
    slice.cpu_max = cgroup::CpuMax{Usec(20000), Usec(100000)};
    cgroup::Sample payload;
    payload.id = CgroupId{2};
    payload.path = "/s/payload";
    payload.cpu_stat = cgroup::CpuStat{};
    payload.cpu_max = cgroup::CpuMax{Max{}, Usec(100000)};
    payload.cpu_pressure.emplace();
    payload.cpu_pressure->some = cgroup::PressureLine{.total_usec = waited_};
    return watch_.observe("web", 1,
                          cgroup::Snapshot(TimePoint{Usec(now_), Usec(now_)}, {slice, payload}),
                          payload.path);
  }
  std::uint64_t waited_ = 0;
  ThrottleWatch watch_;
  std::uint64_t now_ = 100 * kSecond;
  cgroup::CpuStat stat_ = [] {
    cgroup::CpuStat stat;
    stat.usage_usec = 0;
    stat.nr_periods = 0;
    stat.nr_throttled = 0;
    stat.throttled_usec = 0;
    return stat;
  }();
};

TEST_F(ThrottleWatchTest, SaysNothingOfAFreeWorkload) {
  for (int i = 0; i < 60; ++i) EXPECT_FALSE(second(0));
}

TEST_F(ThrottleWatchTest, AStallKeepsItsBeginningAndIsReportedAgain) {
  std::optional<diagnosis::Verdict> first;
  int reports = 0;
  Usec from{0};
  for (int i = 0; i < 60; ++i) {
    if (const auto verdict = second(9)) {
      if (reports++ == 0) from = verdict->from.boottime;
      EXPECT_EQ(verdict->verdict, diagnosis::VerdictClass::throttled);
      EXPECT_FALSE(verdict->death);
      EXPECT_EQ(verdict->from.boottime, from);
    }
  }
  EXPECT_GE(reports, 5);
  EXPECT_LE(reports, 12);  // every five seconds, not every tick
}

TEST_F(ThrottleWatchTest, AStallThatEndedIsANewOneWhenItComesBack) {
  std::optional<Usec> first;
  for (int i = 0; i < 30; ++i) {
    if (const auto verdict = second(9); verdict && !first) first = verdict->from.boottime;
  }
  ASSERT_TRUE(first);
  for (int i = 0; i < 60; ++i) (void)second(0);
  std::optional<Usec> again;
  for (int i = 0; i < 30; ++i) {
    if (const auto verdict = second(9); verdict && !again) again = verdict->from.boottime;
  }
  ASSERT_TRUE(again);
  EXPECT_GT(*again, *first);
}

TEST_F(ThrottleWatchTest, AStallThatEndsIsSaidToBeOverOnce) {
  int stalled = 0;
  for (int i = 0; i < 30; ++i) {
    if (const auto verdict = second(9)) {
      EXPECT_FALSE(verdict->over);
      ++stalled;
    }
  }
  ASSERT_GT(stalled, 0);
  int over = 0;
  for (int i = 0; i < 60; ++i) {
    if (const auto verdict = second(0); verdict && verdict->over) ++over;
  }
  EXPECT_EQ(over, 1);
}

TEST_F(ThrottleWatchTest, AQuotaAboveItIsNamedWhileItWaits) {
  std::optional<diagnosis::Verdict> verdict;
  for (int i = 0; i < 20; ++i) {
    if (auto told = second_above(700'000)) verdict = std::move(told);
  }
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->limit->cgroup, "/s");
  EXPECT_NE(verdict->answer.find("throttled by /s above it"), std::string::npos) << verdict->answer;
  EXPECT_NE(verdict->advice.front().find("cpu.max = 90000 100000"), std::string::npos)
      << verdict->advice.front();
}

TEST_F(ThrottleWatchTest, AQuotaAboveItThatOthersUseUpIsNoStallOfAnIdleOne) {
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(second_above(1'000));
}

TEST_F(ThrottleWatchTest, ANewIncarnationStartsAfresh) {
  for (int i = 0; i < 20; ++i) (void)second(9);
  const auto verdict = second(0, 2);  // another cgroup id: one sample is no window
  EXPECT_FALSE(verdict);
}

}  // namespace
}  // namespace cgwarden::agent
