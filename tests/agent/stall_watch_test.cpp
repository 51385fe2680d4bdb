#include "agent/stall_watch.h"

#include <gtest/gtest.h>

#include <algorithm>

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
  // One tick at this second; the kernel shows `kernel_*` where it differs from the snapshot.
  std::vector<diagnosis::Verdict> tick(std::uint64_t second) {
    const TimePoint now{Usec(second * 1'000'000), Usec(second * 1'000'000 + 1'000'000'000)};
    now_ = now;
    return watch.observe(
        {.name = "web", .incarnation = 1, .cgroup = kPayload, .born = born, .before = before}, now,
        cgroup::Snapshot(now, {top, payload}), process);
  }
  std::optional<diagnosis::StallCgroup> read(std::string_view path) {
    ++reads;
    const cgroup::Sample& sample =
        path == kPayload ? kernel_payload.value_or(payload) : kernel_top.value_or(top);
    auto cgroup = stall_cgroup_of(sample);
    cgroup.flow_after.emplace();
    cgroup.flow_after->at = now_;
    cgroup.flow_after->io_stat = sample.io_stat;
    cgroup.flow_after->io_pressure = sample.io_pressure;
    cgroup.flow_after->memory_pressure = sample.memory_pressure;
    return cgroup;
  }
  StallWatch watch{[this](std::string_view path) { return read(path); }};
  cgroup::Sample top = sample("/s", 1);
  cgroup::Sample payload = sample(kPayload, 7);
  std::optional<cgroup::Sample> kernel_top;
  std::optional<cgroup::Sample> kernel_payload;
  std::optional<TimePoint> born;
  const cgroup::Snapshot* before = nullptr;
  StallWatch::Process process{.main_pid = 40, .state = 'S'};
  int reads = 0;
  std::uint64_t waited_ = 0;
  std::uint64_t read_ = 0;

 private:
  TimePoint now_;
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
  const auto over = tick(18);
  ASSERT_EQ(over.size(), 1U);
  EXPECT_TRUE(over[0].over);
  EXPECT_EQ(over[0].from.wall, first[0].from.wall);
  EXPECT_EQ(over[0].when.wall, again[0].when.wall);
  EXPECT_TRUE(tick(19).empty());
  payload.cgroup_events->frozen = true;
  const auto anew = tick(40);
  ASSERT_EQ(anew.size(), 1U);
  EXPECT_FALSE(anew[0].over);
  EXPECT_NE(anew[0].from.wall, first[0].from.wall);
}

// From 6.12 a refused fork is counted above, and read there by the medium tier: its line is older.
TEST_F(StallWatchTest, ALineOfTheLogIsOfWhatWasCountedLate) {
  diagnosis::RefusedForks forks{.lines = {{.cgroup = kPayload,
                                           .id = CgroupId{7},
                                           .boottime = Usec{4'000'000},
                                           .sequence = 7,
                                           .line = "forks"}},
                                .complete = false};
  const auto told = [&](Usec oldest) {
    watch = StallWatch([this](std::string_view path) { return read(path); }, [&] { return &forks; },
                       oldest);
    top.pids_max = LimitOf<std::uint64_t>(6U);
    top.pids_current = 6;
    top.pids_events = cgroup::PidsEvents{.max = 0};
    const cgroup::Snapshot at_ten({Usec{10'000'000}, Usec{1'010'000'000}}, {top, payload});
    before = &at_ten;
    top.pids_events->max = 1;
    top.pids_events_local = cgroup::PidsEvents{.max = 1};
    payload.pids_events_local = cgroup::PidsEvents{.max = 0};
    auto found = tick(11);
    EXPECT_EQ(found.size(), 1U);
    return found.empty() ? diagnosis::Verdict{} : found.front();
  };
  EXPECT_EQ(told(Usec{10'000'000}).confidence, diagnosis::Confidence::strong);
  EXPECT_EQ(told(Usec{0}).confidence, diagnosis::Confidence::likely);
  // Of a cgroup that had this path before.
  forks.lines[0].id = CgroupId{6};
  EXPECT_EQ(told(Usec{10'000'000}).confidence, diagnosis::Confidence::likely);
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

// The tier of memory.events.local is ten seconds, that of memory.events one.
TEST_F(StallWatchTest, CountersOfDifferentAgesMakeNoStallUp) {
  EXPECT_TRUE(tick(10).empty());
  for (std::uint64_t kill = 1; kill <= 6; ++kill) {
    // Each OOM killed somebody; the sample's local counters stay as they were.
    payload.memory_events->oom = kill;
    payload.memory_events->oom_kill = kill;
    kernel_payload = payload;
    kernel_payload->memory_events_local = payload.memory_events;
    for (const auto& verdict : tick(10 + kill)) {
      EXPECT_EQ(verdict.verdict, diagnosis::VerdictClass::oom_child) << verdict.answer;
    }
  }
  payload = *kernel_payload;
  for (std::uint64_t second = 17; second < 30; ++second) {
    for (const auto& verdict : tick(second)) {
      EXPECT_EQ(verdict.verdict, diagnosis::VerdictClass::oom_child) << verdict.answer;
    }
  }
}

TEST_F(StallWatchTest, WhatANewPayloadCountedBeforeTheFirstTickCounts) {
  payload.pids_max = LimitOf<std::uint64_t>(6U);
  payload.pids_events = cgroup::PidsEvents{.max = 3};
  EXPECT_TRUE(tick(10).empty());  // nobody knows since when
  watch.forget("web");
  born = TimePoint{Usec{9'500'000}, Usec{1'009'500'000}};
  const auto told = tick(10);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].verdict, diagnosis::VerdictClass::pids_limit);
  EXPECT_NE(told[0].answer.find("3 forks"), std::string::npos) << told[0].answer;
}

// No other sign may come before somebody can say that it was outlived.
TEST_F(StallWatchTest, AKillIsToldHoweverLateTheNextTickIs) {
  EXPECT_TRUE(tick(10).empty());
  payload.memory_events->oom_kill = 1;
  EXPECT_TRUE(tick(11).empty());
  const auto told = tick(40);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].verdict, diagnosis::VerdictClass::oom_child);
}

// On a machine that is busy the first tick comes late.
TEST_F(StallWatchTest, WhatANewPayloadCountedIsToldHoweverLateTheFirstTickIs) {
  born = TimePoint{Usec{9'500'000}, Usec{1'009'500'000}};
  payload.pids_max = LimitOf<std::uint64_t>(6U);
  payload.pids_events = cgroup::PidsEvents{.max = 3};
  payload.memory_events->oom_kill = 1;
  const auto forks = tick(40);
  ASSERT_EQ(forks.size(), 1U);
  EXPECT_EQ(forks[0].verdict, diagnosis::VerdictClass::pids_limit);
  std::vector<diagnosis::Verdict> told;
  for (std::uint64_t second = 41; second < 46; ++second) {
    for (auto& verdict : tick(second)) told.push_back(std::move(verdict));
  }
  ASSERT_EQ(
      std::ranges::count(told, diagnosis::VerdictClass::oom_child, &diagnosis::Verdict::verdict),
      1);
}

TEST_F(StallWatchTest, WhatRoseSinceTheSnapshotBeforeTheFirstLookIsTold) {
  const cgroup::Snapshot then({Usec{9'000'000}, Usec{1'009'000'000}}, {top, payload});
  before = &then;
  payload.memory_events->oom_kill = 1;
  EXPECT_TRUE(tick(10).empty());
  EXPECT_TRUE(tick(11).empty());
  const auto told = tick(12);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].verdict, diagnosis::VerdictClass::oom_child);
}

// A snapshot before that has no local counter, which only a look at the kernel does.
TEST_F(StallWatchTest, ForksRefusedBeforeTheFirstLookAreToldWhereNothingBelowAdded) {
  payload.pids_max = LimitOf<std::uint64_t>(6U);
  payload.pids_events = cgroup::PidsEvents{.max = 2};
  const cgroup::Snapshot then({Usec{9'000'000}, Usec{1'009'000'000}}, {top, payload});
  before = &then;
  payload.pids_events->max = 5;
  kernel_payload = payload;
  kernel_payload->pids_events_local = cgroup::PidsEvents{.max = 4};
  EXPECT_TRUE(tick(10).empty());  // one of them was below it
  watch.forget("web");
  kernel_payload->pids_events_local = cgroup::PidsEvents{.max = 5};
  const auto told = tick(11);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].verdict, diagnosis::VerdictClass::pids_limit);
  EXPECT_NE(told[0].answer.find("3 forks"), std::string::npos) << told[0].answer;
}

// No file of every tick shows it, and pids.events.local is not sampled: it is read for who may need
// it.
TEST_F(StallWatchTest, AnAncestorsPidsLimitIsNamedByItsLocalCounter) {
  const auto kernel = [&](std::uint64_t refused) {
    kernel_top = top;
    kernel_top->pids_events_local = cgroup::PidsEvents{.max = refused};
    kernel_payload = payload;
    kernel_payload->pids_events_local = cgroup::PidsEvents{.max = 0};
  };
  top.pids_max = LimitOf<std::uint64_t>(20U);
  top.pids_events = cgroup::PidsEvents{.max = 4};
  payload.pids_events = cgroup::PidsEvents{.max = 0};
  kernel(4);
  for (std::uint64_t second = 10; second < 40; ++second) EXPECT_TRUE(tick(second).empty());
  top.pids_events->max = 7;
  kernel(7);
  const auto told = tick(40);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].limit->cgroup, "/s");
  EXPECT_NE(told[0].answer.find("3 forks"), std::string::npos) << told[0].answer;
}

TEST_F(StallWatchTest, ALimitAboveANewPayloadIsNamedFromItsFirstLookOn) {
  born = TimePoint{Usec{9'500'000}, Usec{1'009'500'000}};
  top.pids_max = LimitOf<std::uint64_t>(20U);
  top.pids_events_local = cgroup::PidsEvents{.max = 4};
  payload.pids_events_local = cgroup::PidsEvents{.max = 0};
  EXPECT_TRUE(tick(10).empty());
  top.pids_events_local->max = 6;
  const auto told = tick(11);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].limit->cgroup, "/s");
}

TEST_F(StallWatchTest, ALimitAboveANewPayloadIsNamedAtItsFirstLook) {
  born = TimePoint{Usec{9'500'000}, Usec{1'009'500'000}};
  top.pids_max = LimitOf<std::uint64_t>(20U);
  top.pids_events = cgroup::PidsEvents{.max = 4};
  const cgroup::Snapshot then({Usec{9'000'000}, Usec{1'009'000'000}}, {top});
  before = &then;
  top.pids_events->max = 6;
  kernel_top = top;
  kernel_top->pids_events_local = top.pids_events;
  payload.pids_events = cgroup::PidsEvents{.max = 0};
  kernel_payload = payload;
  kernel_payload->pids_events_local = payload.pids_events;
  const auto told = tick(10);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].limit->cgroup, "/s");
  EXPECT_NE(told[0].answer.find("2 forks"), std::string::npos) << told[0].answer;
}

// What runs for a moment when it is told of has waited there before and will again.
TEST_F(StallWatchTest, TheBestLookOfTheLastSecondsIsKept) {
  payload.memory_high = LimitOf<Bytes>(Bytes{16U << 20});
  payload.memory_current = Bytes{17U << 20};
  payload.memory_events->high = payload.memory_events_local->high = 0;
  auto& full = payload.memory_pressure.emplace().full.emplace();
  const auto quote = [](const std::vector<diagnosis::Verdict>& told) -> std::string {
    for (const auto& verdict : told) {
      for (const auto& item : verdict.evidence) {
        if (item.source == "/proc/PID/wchan") return item.quote;
      }
    }
    return {};
  };
  process.over_high = 3;
  std::vector<diagnosis::Verdict> told;
  for (std::uint64_t second = 10; second < 14; ++second) {
    full.avg10 = 90.0;
    full.total_usec = second * 1'000'000;
    payload.memory_events->high = payload.memory_events_local->high = second * 10;
    told = tick(second);
    if (!told.empty()) break;
    process.over_high = 0;
  }
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].verdict, diagnosis::VerdictClass::stalled_memory_high);
  EXPECT_EQ(quote(told).substr(0, 35), "3 in mem_cgroup_handle_over_high, 1");
  // Longer ago than the watch looks back, it says nothing of now.
  std::string last;
  for (std::uint64_t second = 14; second < 40; ++second) {
    full.total_usec = second * 1'000'000;
    payload.memory_events->high = payload.memory_events_local->high = second * 10;
    told = tick(second);
    if (!told.empty()) last = quote(told);
  }
  EXPECT_EQ(last, "");
}

// A limit that is reached far above it holds it back too, and shows in no counter of its own.
TEST_F(StallWatchTest, OutOfMemoryAboveItIsASign) {
  EXPECT_TRUE(tick(10).empty());
  EXPECT_TRUE(tick(11).empty());
  top.memory_max = LimitOf<Bytes>(Bytes{16U << 20});
  top.memory_current = Bytes{16U << 20};
  std::vector<diagnosis::Verdict> told;
  for (std::uint64_t second = 30; second < 34 && told.empty(); ++second) {
    top.memory_events->oom = top.memory_events_local->oom = second * 90;
    told = tick(second);
  }
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].verdict, diagnosis::VerdictClass::stalled_oom_no_victim);
  EXPECT_EQ(told[0].limit->cgroup, "/s");
}

TEST_F(StallWatchTest, OneThatDoesWellIsNotReadAgain) {
  for (std::uint64_t second = 10; second < 30; ++second) EXPECT_TRUE(tick(second).empty());
  const int before = reads;
  for (std::uint64_t second = 30; second < 60; ++second) EXPECT_TRUE(tick(second).empty());
  EXPECT_EQ(reads, before);
}

TEST_F(StallWatchTest, WaitingForIoMaxIsToldWithinSecondsAndThenOver) {
  const auto waits = [&](std::uint64_t second, double percent) {
    payload.io_pressure.emplace();
    payload.io_pressure->some = cgroup::PressureLine{.avg10 = percent, .total_usec = waited_};
    payload.io_stat = {{.major = 253, .minor = 0, .rbytes = read_, .wbytes = 0}};
    payload.io_max = {{.major = 253, .minor = 0, .rbps = LimitOf<std::uint64_t>(1U << 20)}};
    return tick(second);
  };
  for (std::uint64_t second = 10; second < 30; ++second) EXPECT_TRUE(waits(second, 0).empty());
  std::vector<diagnosis::Verdict> told;
  std::uint64_t second = 30;
  for (; second < 40 && told.empty(); ++second) {
    waited_ += 950'000;
    read_ += 1U << 20;
    told = waits(second, 40.0);
  }
  ASSERT_EQ(told.size(), 1U);
  EXPECT_LE(second, 36U);
  EXPECT_EQ(told[0].verdict, diagnosis::VerdictClass::stalled_io_throttled);
  bool over = false;
  for (; second < 60; ++second) {
    for (const auto& verdict : waits(second, 5.0)) over = over || verdict.over;
  }
  EXPECT_TRUE(over);
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
