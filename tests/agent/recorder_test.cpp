#include "agent/recorder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "diagnosis/recording/recording.h"
#include "tests/diagnosis/temporary_directory.h"

namespace cgwarden::agent {
namespace {

namespace fs = std::filesystem;
using diagnosis::Recording;
using diagnosis::Series;
using ::testing::IsEmpty;

constexpr std::uint64_t kNoon = 1'795'608'000'000'000;  // 2026-11-25 12:00:00

class FixedClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override { return {Usec{0}, Usec{kNoon}}; }
};

class RecorderTest : public ::testing::Test {
 protected:
  RecorderTest() {
    options_.state_dir = directory_.path() / "state";
    options_.runtime_dir = directory_.path() / "run";
    fs::create_directories(options_.state_dir);
    fs::create_directories(options_.runtime_dir);
  }

  static TimePoint second(std::uint64_t n) {
    return {Usec(n * 1'000'000), Usec(kNoon + n * 1'000'000)};
  }
  static cgroup::Sample sample(std::uint64_t id, const std::string& path, std::uint64_t bytes) {
    cgroup::Sample made;
    made.id = CgroupId{id};
    made.path = path;
    made.memory_current = Bytes{bytes};
    return made;
  }
  static cgroup::Snapshot tick(std::uint64_t n, std::vector<cgroup::Sample> samples) {
    return {second(n), std::move(samples)};
  }
  std::unique_ptr<Recorder> recorder(const std::string& boot = "boot-1") {
    return std::make_unique<Recorder>(options_, boot, clock_);
  }
  Series memory_of(const std::string& path) {
    auto recording = Recording::open({options_.state_dir, options_.runtime_dir});
    if (!recording) return {};
    const diagnosis::TimeRange all{Usec{0}, Usec{2 * kNoon}};
    const std::vector<std::string> fields{"memory.current"};
    Series series;
    const auto cgroups = recording->cgroups(all).value();
    for (const auto& cgroup : cgroups) {
      if (cgroup.path == path) series = recording->range(cgroup, all, fields).value();
    }
    EXPECT_THAT(recording->faults(), IsEmpty());
    return series;
  }
  [[nodiscard]] std::size_t segments() const {
    const fs::path ring = fs::path(options_.runtime_dir) / "recorder";
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(ring), fs::directory_iterator()));
  }

  diagnosis::testing::TemporaryDirectory directory_;
  Options options_;
  FixedClock clock_;
  identity::Table nobody_;
};

TEST_F(RecorderTest, TheNewestTickIsReadWhileTheAgentRuns) {
  const auto running = recorder();
  for (std::uint64_t n = 0; n < 5; ++n) running->record(tick(n, {sample(7, "/a", n)}), nobody_);
  const Series series = memory_of("/a");
  ASSERT_EQ(series.times.size(), 5U);
  EXPECT_EQ(series.value(0, 4), 4U);
  EXPECT_EQ(series.times[4], second(4).wall);
  EXPECT_EQ(segments(), 1U);
}

TEST_F(RecorderTest, NothingIsLostBetweenRingAndStoreNorThere) {
  {
    const auto running = recorder();
    for (std::uint64_t n = 0; n < 200; ++n) {
      running->record(tick(n, {sample(7, "/a", n)}), nobody_);
      ASSERT_EQ(memory_of("/a").times.size(), n + 1);
    }
  }
  EXPECT_EQ(segments(), 0U) << "the end of the agent stores what is in the ring";
  const Series series = memory_of("/a");
  ASSERT_EQ(series.times.size(), 200U);
  for (std::uint64_t n = 0; n < 200; ++n) ASSERT_EQ(series.value(0, n), n);
  EXPECT_EQ(series.starts, std::vector<std::size_t>{0});
}

TEST_F(RecorderTest, LastValuesOfACgroupThatEndedAreRecorded) {
  const auto running = recorder();
  running->record(tick(0, {sample(7, "/a", 1)}), nobody_);
  running->record(cgroup::Snapshot(second(1), {}, 0, {}, 2, {sample(7, "/a", 9)}), nobody_);
  const Series series = memory_of("/a");
  ASSERT_EQ(series.times.size(), 2U);
  EXPECT_EQ(series.value(0, 1), 9U);
}

TEST_F(RecorderTest, TheCapIsCounted) {
  options_.recorder.max_cgroups = 2;
  const auto running = recorder();
  running->record(tick(0, {sample(1, "/a", 1), sample(2, "/b", 1), sample(3, "/c", 1)}), nobody_);
  EXPECT_EQ(running->counts().dropped_by_cap, 1U);
  EXPECT_EQ(memory_of("/b").times.size(), 1U);
  EXPECT_EQ(memory_of("/c").times.size(), 0U);
}

TEST_F(RecorderTest, ARingThatIsTooSmallDropsAndNeverTellsAnotherValue) {
  options_.recorder.ring = Bytes{1024 * 1024};
  const auto running = recorder();
  std::vector<cgroup::Sample> many;
  const std::string long_path = "/" + std::string(1000, 'x');
  for (std::uint64_t id = 1; id <= 1200; ++id) {
    many.push_back(sample(id, long_path + std::to_string(id), id));
  }
  running->record(tick(0, many), nobody_);
  EXPECT_EQ(running->counts().dropped_by_ring, 1200U);
  running->record(tick(1, {sample(1, long_path + "1", 5)}), nobody_);
  const Series series = memory_of(long_path + "1");
  ASSERT_EQ(series.times.size(), 1U);
  EXPECT_EQ(series.value(0, 0), 5U);
}

TEST_F(RecorderTest, AForeignFileIsMovedAsideAndRecordingGoesOn) {
  const fs::path today = fs::path(options_.state_dir) / "samples-2026-11-25.db";
  std::ofstream(today) << "not a database, and more than a header of one is long, so that it is "
                          "looked at: ............................................";
  {
    const auto running = recorder();
    running->record(tick(0, {sample(7, "/a", 3)}), nobody_);
  }
  EXPECT_EQ(memory_of("/a").times.size(), 1U);
  EXPECT_TRUE(fs::exists(today.string() + ".aside-" + std::to_string(kNoon / 1'000'000)));
}

TEST_F(RecorderTest, ADirectoryThatCannotBeWrittenDropsAndCounts) {
  fs::remove(options_.state_dir);
  std::ofstream(options_.state_dir) << "a file";
  Recorder::Counts counts;
  {
    const auto running = recorder();
    for (std::uint64_t n = 0; n < 3; ++n) running->record(tick(n, {sample(7, "/a", n)}), nobody_);
    running->record(tick(61, {sample(7, "/a", 9)}), nobody_);
    for (int i = 0; i < 20'000 && running->counts().dropped_by_disk == 0; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    counts = running->counts();
  }
  EXPECT_EQ(counts.dropped_by_disk, 4U);
  EXPECT_EQ(counts.stored, 0U);
}

}  // namespace
}  // namespace cgwarden::agent
