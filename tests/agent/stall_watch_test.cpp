#include "agent/stall_watch.h"

#include <gtest/gtest.h>

#include "agent/process_lookup.h"

namespace cgwarden::agent {
namespace {

const std::string kPayload = "/s/web.scope/payload";

cgroup::Sample sample(const std::string& path, std::uint64_t id) {
  cgroup::Sample sample;
  sample.path = path;
  sample.id = CgroupId{id};
  sample.memory_events.emplace();
  sample.memory_events->oom = 0;
  sample.memory_events->oom_kill = 0;
  sample.memory_events_local = sample.memory_events;
  sample.cgroup_events.emplace();
  sample.cgroup_events->frozen = false;
  return sample;
}

class StallWatchTest : public ::testing::Test {
 protected:
  // One tick at this second.
  std::vector<diagnosis::Verdict> tick(std::uint64_t second) {
    const TimePoint now{Usec(second * 1'000'000), Usec(second * 1'000'000 + 1'000'000'000)};
    return watch.observe("web", 1, now, cgroup::Snapshot(now, {top, payload}), kPayload, process);
  }
  StallWatch watch;
  cgroup::Sample top = sample("/s", 1);
  cgroup::Sample payload = sample(kPayload, 7);
  StallWatch::Process process{.main_pid = 40, .state = 'S', .signals = {}, .oom_records = {}};
};

TEST_F(StallWatchTest, AStallKeepsItsBeginningAndIsToldNowAndThen) {
  EXPECT_TRUE(tick(10).empty());
  payload.cgroup_events->frozen = true;
  const auto first = tick(11);
  ASSERT_EQ(first.size(), 1U);
  EXPECT_TRUE(tick(12).empty());
  const auto again = tick(17);
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].from.wall, first[0].from.wall);
  payload.cgroup_events->frozen = false;
  EXPECT_TRUE(tick(18).empty());
  payload.cgroup_events->frozen = true;
  const auto anew = tick(40);
  ASSERT_EQ(anew.size(), 1U);
  EXPECT_NE(anew[0].from.wall, first[0].from.wall);
}

TEST_F(StallWatchTest, AKillThatTheMainProcessOutlivesIsToldOnce) {
  EXPECT_TRUE(tick(10).empty());
  payload.memory_events->oom_kill = 1;
  EXPECT_TRUE(tick(11).empty());  // it may be the main process that was killed
  EXPECT_TRUE(tick(12).empty());
  const auto told = tick(13);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].verdict, diagnosis::VerdictClass::oom_child);
  EXPECT_TRUE(tick(14).empty());
}

TEST_F(StallWatchTest, OfOneThatDiesOfItNothingIsTold) {
  EXPECT_TRUE(tick(10).empty());
  payload.memory_events->oom_kill = 1;
  EXPECT_TRUE(tick(11).empty());
  watch.forget("web");
  EXPECT_TRUE(tick(14).empty());
  EXPECT_TRUE(tick(20).empty());
}

TEST_F(StallWatchTest, AnotherCgroupsCountersAreNotCompared) {
  EXPECT_TRUE(tick(10).empty());
  payload.id = CgroupId{8};
  payload.memory_events->oom_kill = 5;
  EXPECT_TRUE(tick(11).empty());
  EXPECT_TRUE(tick(20).empty());
}

TEST(ProcessLookupTest, TheStateIsBehindTheName) {
  EXPECT_EQ(state_of("12 (a) T) S 1 2"), 'S');
  EXPECT_EQ(state_of("12 (sleep) T 1"), 'T');
  EXPECT_FALSE(state_of("12 (sleep)"));
  EXPECT_FALSE(state_of(""));
}

TEST(ProcessLookupTest, AStatusFieldIsItsWholeKey) {
  const std::string status = "Name:\tsh\nTgid:\t12\nNSpid:\t12\t1\nUid:\t33\t0\t0\t0\n";
  EXPECT_EQ(status_field(status, "Tgid"), "12");
  EXPECT_EQ(status_field(status, "NSpid"), "12\t1");
  EXPECT_FALSE(status_field(status, "Tgi"));
  EXPECT_FALSE(status_field(status, "Pid"));
}

TEST(ProcessLookupTest, StartTimeOfATask) {
  EXPECT_EQ(start_time_of("7 (a b) S 1 1 1 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 250 0 0"),
            Usec{2'500'000});
  EXPECT_FALSE(start_time_of("7 (a b) S 1"));
}

}  // namespace
}  // namespace cgwarden::agent
