// Segments stored in day files, and what Recording makes of files and ring together.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "diagnosis/recording/day_files.h"
#include "diagnosis/recording/recording.h"
#include "diagnosis/recording/recording_source.h"
#include "diagnosis/recording/retention.h"
#include "diagnosis/recording/sample_writer.h"
#include "tests/diagnosis/recorded.h"
#include "tests/diagnosis/temporary_directory.h"

namespace cgwarden::diagnosis {
namespace {

namespace fs = std::filesystem;
using namespace recording;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::row_of;
using testing::SegmentBytes;
using ::testing::SizeIs;

constexpr std::uint64_t kNoonMs = 1'795'608'000'000;  // 2026-11-25 12:00:00
constexpr std::uint64_t kToday = kNoonMs / kDayMs;
const std::vector<std::string> kUsage{"cpu.stat.usage_usec"};
const TimeRange kAlways{Usec{0}, Usec{4'000'000'000'000'000}};

Usec at_ms(std::uint64_t ms) { return Usec(ms * 1000); }

class RecordingTest : public ::testing::Test {
 protected:
  RecordingTest() { fs::create_directories(ring_directory(run())); }
  [[nodiscard]] std::string state() const { return directory_.path(); }
  [[nodiscard]] std::string run() const { return directory_.path() / "run"; }

  void store(const SegmentBytes& segment) {
    const std::string bytes = segment.bytes();
    const auto read = RingSegment::read(bytes);
    ASSERT_TRUE(read);
    const Status stored = writer_.store(*read, 1'795'608'100);
    ASSERT_TRUE(stored) << stored.error().sentence();
  }
  void leave_in_ring(const SegmentBytes& segment, const std::string& name = "a.ring") const {
    std::ofstream(ring_directory(run()) + "/" + name) << segment.bytes();
  }
  // A minute of /a whose usage is 1000 a second from `usage` on.
  static SegmentBytes minute(std::uint64_t id, std::uint64_t from_ms, std::uint64_t usage,
                             std::size_t ticks = 60) {
    SegmentBytes segment(id);
    for (std::uint64_t i = 0; i < ticks; ++i) {
      segment.begin_tick(from_ms + i * 1000);
      segment.add(
          5, "/a",
          row_of({{"cpu.stat.usage_usec", usage + i * 1000}, {"memory.current", 100 + i % 10}}));
      segment.end_tick();
    }
    return segment;
  }
  [[nodiscard]] Recording open() const {
    auto recording = Recording::open({state(), run()});
    if (!recording) throw std::runtime_error(recording.error().sentence());
    return std::move(*recording);
  }
  void sql(const std::string& file, const std::string& text) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(file.c_str(), &database), SQLITE_OK);
    char* message = nullptr;
    EXPECT_EQ(sqlite3_exec(database, text.c_str(), nullptr, nullptr, &message), SQLITE_OK)
        << message;
    sqlite3_close(database);
  }
  [[nodiscard]] std::string today() const { return samples_path(state(), kToday); }

  testing::TemporaryDirectory directory_;
  SampleWriter writer_{directory_.path()};
};

TEST_F(RecordingTest, NothingRecordedIsSaidSo) {
  const auto recording = Recording::open({state(), run()});
  ASSERT_FALSE(recording);
  EXPECT_EQ(recording.error().kind, ErrorKind::vanished);
  EXPECT_THAT(recording.error().sentence(), HasSubstr("no agent has recorded anything"));
}

TEST_F(RecordingTest, FilesAndRingAreOneSeries) {
  store(minute(1, kNoonMs, 0));
  store(minute(2, kNoonMs + 60'000, 60'000));
  leave_in_ring(minute(2, kNoonMs + 60'000, 60'000), "stored.ring");  // not yet removed
  leave_in_ring(minute(3, kNoonMs + 120'000, 120'000, 10));
  const Recording recording = open();
  const auto cgroups = recording.cgroups(kAlways);
  ASSERT_TRUE(cgroups);
  ASSERT_THAT(*cgroups, SizeIs(1));
  EXPECT_EQ(cgroups->front().path, "/a");
  EXPECT_EQ(cgroups->front().first, at_ms(kNoonMs));
  EXPECT_EQ(cgroups->front().last, at_ms(kNoonMs + 129'000));
  const auto series = recording.range(cgroups->front(), kAlways, kUsage);
  ASSERT_TRUE(series);
  ASSERT_THAT(series->times, SizeIs(130));
  for (std::size_t i = 0; i < 130; ++i) {
    ASSERT_EQ(series->value(0, i), i * 1000) << i;
    ASSERT_EQ(series->times[i], at_ms(kNoonMs + i * 1000));
    if (i == 0) continue;
    ASSERT_EQ(series->rate(0, i), 1000.0) << i;
  }
  EXPECT_THAT(series->starts, ElementsAre(0));
  EXPECT_FALSE(series->rate(0, 0));
  EXPECT_THAT(recording.faults(), IsEmpty());
}

TEST_F(RecordingTest, BothEndsOfARangeAreIncludedAndNothingElse) {
  store(minute(1, kNoonMs, 0));
  leave_in_ring(minute(2, kNoonMs + 60'000, 60'000, 10));
  const Recording recording = open();
  const auto cgroup = recording.cgroups(kAlways).value().front();
  const TimeRange range{at_ms(kNoonMs + 58'000), at_ms(kNoonMs + 61'000)};
  const auto series = recording.range(cgroup, range, kUsage);
  ASSERT_TRUE(series);
  EXPECT_THAT(series->times, ElementsAre(at_ms(kNoonMs + 58'000), at_ms(kNoonMs + 59'000),
                                         at_ms(kNoonMs + 60'000), at_ms(kNoonMs + 61'000)));
  EXPECT_THAT(recording.cgroups({at_ms(0), at_ms(kNoonMs - 1)}).value(), IsEmpty());
}

// A reader reads for as long as the recorder takes to store a minute.
TEST_F(RecordingTest, WhatIsStoredWhileItIsReadIsThereOnce) {
  for (const bool first_of_its_day : {true, false}) {
    SCOPED_TRACE(first_of_its_day);
    const std::uint64_t from = kNoonMs + (first_of_its_day ? 0 : 60'000);
    leave_in_ring(minute(first_of_its_day ? 2 : 3, from, 0));
    Sources sources(state(), run());
    ASSERT_TRUE(sources.refresh());
    store(minute(first_of_its_day ? 2 : 3, from, 0));
    std::size_t told = 0;
    for (const auto& source : sources.all()) {
      const auto cuts = source->cuts(0, 2 * kNoonMs);
      ASSERT_TRUE(cuts);
      told += static_cast<std::size_t>(std::ranges::count(*cuts, from, &StoredCut::from_ms));
    }
    EXPECT_EQ(told, 1U);
  }
}

// The index of segments is damaged, the rest of the file is not.
TEST_F(RecordingTest, WhatAFileCannotSayThatItHasIsThereOnce) {
  store(minute(1, kNoonMs, 0));
  store(minute(2, kNoonMs + 60'000, 60'000));
  leave_in_ring(minute(2, kNoonMs + 60'000, 60'000));
  writer_.close();
  sql(today(),
      "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET rootpage=("
      "SELECT rootpage FROM sqlite_schema WHERE name='cut') WHERE name='sqlite_autoindex_cut_1'");
  Sources sources(state(), run());
  ASSERT_TRUE(sources.refresh());
  std::vector<std::uint64_t> told;
  for (const auto& source : sources.all()) {
    const auto cuts = source->cuts(0, 2 * kNoonMs);
    ASSERT_TRUE(cuts);
    for (const StoredCut& cut : *cuts) told.push_back(cut.segment);
  }
  EXPECT_THAT(told, ElementsAre(1, 2));
  EXPECT_THAT(sources.faults(), ElementsAre(HasSubstr(today())));
}

TEST_F(RecordingTest, StoredTwiceIsThereOnce) {
  store(minute(1, kNoonMs, 0));
  store(minute(1, kNoonMs, 0));
  const Recording recording = open();
  EXPECT_THAT(recording.range(recording.cgroups(kAlways).value().front(), kAlways, kUsage)->times,
              SizeIs(60));
}

TEST_F(RecordingTest, ACounterThatFellHasNoRateAcrossAndNewInodesAreOtherLives) {
  SegmentBytes segment(1);
  for (const auto& [tick, id, usage] : std::vector<std::array<std::uint64_t, 3>>{
           {0, 5, 900}, {1, 5, 1000}, {2, 5, 10}, {3, 5, 30}, {4, 6, 40}, {5, 6, 50}}) {
    segment.tick(kNoonMs + tick * 1000, id, "/a", row_of({{"cpu.stat.usage_usec", usage}}));
  }
  store(segment);
  const Recording recording = open();
  const auto cgroups = recording.cgroups(kAlways).value();
  ASSERT_THAT(cgroups, SizeIs(2));
  const auto first = recording.range(cgroups[0], kAlways, kUsage).value();
  EXPECT_THAT(first.times, SizeIs(4));
  EXPECT_THAT(first.starts, ElementsAre(0, 2));
  EXPECT_EQ(first.rate(0, 1), 100.0);
  EXPECT_FALSE(first.rate(0, 2));
  EXPECT_EQ(first.rate(0, 3), 20.0);
  EXPECT_FALSE(first.rate_between(0, 1, 3));
  EXPECT_THAT(recording.range(cgroups[1], kAlways, kUsage)->times, SizeIs(2));
}

TEST_F(RecordingTest, IdentityIsStoredAndTheNewestCounts) {
  SegmentBytes segment(1);
  segment.tick(kNoonMs, 5, "/system.slice/ssh.service", row_of({{"memory.current", 1}}));
  store(segment);
  const Recording recording = open();
  const auto cgroup = recording.cgroups(kAlways).value().front();
  EXPECT_EQ(cgroup.identity.unit, "ssh.service");
  EXPECT_EQ(cgroup.identity.kind, identity::Kind::service);
  EXPECT_EQ(cgroup.boot, "boot-1");
  EXPECT_TRUE(cgroup.is_called("ssh.service"));
  EXPECT_TRUE(cgroup.is_called("/system.slice/ssh.service"));
  EXPECT_FALSE(cgroup.is_called("ssh"));
  EXPECT_FALSE(cgroup.is_called(""));
}

TEST_F(RecordingTest, MomentsFollowOneAnotherOverCutsAndHaveRates) {
  store(minute(1, kNoonMs, 0));
  leave_in_ring(minute(2, kNoonMs + 60'000, 60'000, 10));
  const Recording recording = open();
  const auto first = recording.at(at_ms(kNoonMs + 60'500));
  ASSERT_TRUE(first && *first);
  const RecordedMoment& moment = **first;
  EXPECT_EQ(moment.time, at_ms(kNoonMs + 60'000));
  ASSERT_THAT(moment.rows, SizeIs(1));
  const auto usage = moment.field("cpu.stat.usage_usec").value();
  EXPECT_EQ(RecordedMoment::value(moment.rows[0], usage), 60'000U);
  EXPECT_EQ(RecordedMoment::rate(moment.rows[0], usage), 1000.0);
  EXPECT_EQ(recording.next(moment.time).value()->time, at_ms(kNoonMs + 61'000));
  EXPECT_EQ(recording.previous(moment.time).value()->time, at_ms(kNoonMs + 59'000));
  EXPECT_FALSE(recording.next(at_ms(kNoonMs + 69'000)).value());
  EXPECT_FALSE(recording.previous(at_ms(kNoonMs)).value());
  EXPECT_FALSE(recording.at(at_ms(kNoonMs - 1)).value());
  const auto extent = recording.extent().value();
  ASSERT_TRUE(extent);
  EXPECT_EQ(extent->from, at_ms(kNoonMs));
  EXPECT_EQ(extent->until, at_ms(kNoonMs + 69'000));
}

// What is read every 5 s grows at once and then stands still.
TEST_F(RecordingTest, RatesOfSlowFilesAreOverSeveralTicks) {
  SegmentBytes segment(1);
  for (std::uint64_t i = 0; i < 30; ++i) {
    segment.tick(kNoonMs + i * 1000, 5, "/a", row_of({{"io.stat.rbytes", i / 5 * 5000}}));
  }
  leave_in_ring(segment);
  const Recording recording = open();
  const auto moment = recording.at(at_ms(kNoonMs + 29'000)).value().value();
  const auto rate = RecordedMoment::rate(moment.rows[0], moment.field("io.stat.rbytes").value());
  ASSERT_TRUE(rate);
  EXPECT_NEAR(*rate, 1000, 1e-6);
}

TEST_F(RecordingTest, AForeignFileIsMovedAside) {
  std::ofstream(today()) << std::string(5000, 'x');
  store(minute(1, kNoonMs, 0));
  EXPECT_THAT(writer_.take_notices(), ElementsAre(HasSubstr("was not usable")));
  EXPECT_TRUE(fs::exists(today() + ".aside-1795608100"));
  EXPECT_THAT(open().cgroups(kAlways).value(), SizeIs(1));
}

TEST_F(RecordingTest, AFileOfANewerVersionIsKeptAsideByTheWriterAndNamedByTheReader) {
  store(minute(1, kNoonMs, 0));
  writer_.close();
  sql(today(), "PRAGMA user_version=99");
  EXPECT_THAT(open().faults(), ElementsAre(HasSubstr("newer cgwarden (schema 99)")));
  store(minute(2, kNoonMs + 60'000, 0));
  EXPECT_THAT(writer_.take_notices(), ElementsAre(HasSubstr("newer cgwarden")));
  EXPECT_TRUE(fs::exists(today() + ".aside-1795608100"));
}

TEST_F(RecordingTest, ADatabaseOfSomebodyElseIsMovedAside) {
  sql(today(), "CREATE TABLE mine(x)");
  store(minute(1, kNoonMs, 0));
  EXPECT_THAT(writer_.take_notices(), ElementsAre(HasSubstr("not a recording of cgwarden")));
}

TEST_F(RecordingTest, AFileDamagedInTheMiddleIsReplacedWhenItIsWritten) {
  for (std::uint64_t i = 0; i < 20; ++i) store(minute(i + 1, kNoonMs + i * 60'000, 0));
  writer_.close();
  {
    std::fstream file(today(), std::ios::in | std::ios::out | std::ios::binary);
    const auto size = static_cast<std::streamoff>(fs::file_size(today()));
    for (std::streamoff at = 16384; at + 16384 <= size; at += 16384) {
      file.seekp(at);
      file.write(std::string(16384, '\x5a').data(), 16384);
    }
  }
  store(minute(99, kNoonMs + 3'600'000, 0));
  EXPECT_THAT(writer_.take_notices(), SizeIs(1));
  const Recording recording = open();
  EXPECT_THAT(recording.range(recording.cgroups(kAlways).value().front(), kAlways, kUsage)->times,
              SizeIs(60));
}

TEST_F(RecordingTest, ADamagedChunkIsAGapAndSaid) {
  store(minute(1, kNoonMs, 0));
  store(minute(2, kNoonMs + 60'000, 60'000));
  writer_.close();
  sql(today(),
      "UPDATE chunk SET data=substr(data,1,20)||x'00112233'||substr(data,25) WHERE id=("
      "SELECT min(id) FROM chunk)");
  const Recording recording = open();
  const auto series =
      recording.range(recording.cgroups(kAlways).value().front(), kAlways, kUsage).value();
  EXPECT_THAT(series.times, SizeIs(60));
  EXPECT_EQ(series.times.front(), at_ms(kNoonMs + 60'000));
  EXPECT_THAT(recording.faults(), ElementsAre(HasSubstr("some of its samples are damaged")));
}

// After an upgrade the fields are others, in another order.
TEST_F(RecordingTest, SegmentsOfAnotherVersionKeepTheirFields) {
  const std::vector<cgroup::Field> old{{"memory.current", cgroup::FieldKind::gauge},
                                       {"gone.field", cgroup::FieldKind::counter},
                                       {"cpu.stat.usage_usec", cgroup::FieldKind::counter}};
  SegmentBytes before(1, old);
  for (std::uint64_t i = 0; i < 3; ++i) {
    before.tick(kNoonMs + i * 1000, 5, "/a", {70 + i, 80 + i, 90 + i});
  }
  store(before);
  store(minute(2, kNoonMs + 60'000, 1000, 2));
  const Recording recording = open();
  const std::vector<std::string> names{"gone.field", "cpu.stat.usage_usec", "memory.current"};
  const auto series =
      recording.range(recording.cgroups(kAlways).value().front(), kAlways, names).value();
  ASSERT_THAT(series.times, SizeIs(5));
  EXPECT_EQ(series.value(0, 2), 82U);
  EXPECT_EQ(series.value(1, 2), 92U);
  EXPECT_EQ(series.value(2, 2), 72U);
  EXPECT_FALSE(series.value(0, 3));
  EXPECT_EQ(series.value(1, 3), 1000U);
  EXPECT_EQ(series.value(2, 3), 100U);
}

TEST_F(RecordingTest, ARollupKeepsTheLastOfACounterAndTheMostOfAGauge) {
  for (std::uint64_t i = 0; i < 25; ++i) {
    store(minute(i + 1, kNoonMs + i * 60'000, i * 60'000));
  }
  writer_.close();
  auto rollup = Rollup::begin(state(), kToday);
  ASSERT_TRUE(rollup) << rollup.error().sentence();
  std::size_t steps = 0;
  for (;; ++steps) {
    const auto more = rollup->step();
    ASSERT_TRUE(more) << more.error().sentence();
    if (!*more) break;
  }
  EXPECT_EQ(steps, 3U);
  EXPECT_FALSE(fs::exists(today()));
  const Recording recording = open();
  const std::vector<std::string> names{"cpu.stat.usage_usec", "memory.current"};
  const auto series =
      recording.range(recording.cgroups(kAlways).value().front(), kAlways, names).value();
  ASSERT_THAT(series.times, SizeIs(150));
  for (std::size_t i = 0; i < 150; ++i) {
    ASSERT_EQ(series.times[i], at_ms(kNoonMs + i * 10'000 + 9000));
    ASSERT_EQ(series.value(0, i), i * 10'000 + 9000);
    ASSERT_EQ(series.value(1, i), 109U);
    if (i == 0) continue;
    ASSERT_EQ(series.rate(0, i), 1000.0);
  }
  EXPECT_THAT(series.starts, ElementsAre(0));
}

TEST_F(RecordingTest, TheOldestCutsGoWhenOneDayIsTooLarge) {
  for (std::uint64_t i = 0; i < 20; ++i) store(minute(i + 1, kNoonMs + i * 60'000, 0));
  ASSERT_TRUE(writer_.current()->drop_oldest().value());
  const Recording recording = open();
  const auto series =
      recording.range(recording.cgroups(kAlways).value().front(), kAlways, kUsage).value();
  EXPECT_THAT(series.times, SizeIs(19 * 60));
  EXPECT_EQ(series.times.front(), at_ms(kNoonMs + 60'000));
  while (writer_.current()->drop_oldest().value()) {
  }
  EXPECT_THAT(recording.range(recording.cgroups(kAlways).value().front(), kAlways, kUsage)->times,
              SizeIs(60));
}

TEST_F(RecordingTest, AKeeperBringsItIntoBounds) {
  for (std::uint64_t day = 0; day < 5; ++day) {
    store(minute(day + 1, kNoonMs - (4 - day) * kDayMs, 0));
  }
  Keeper keeper({.bytes = 512U << 20U, .age_days = 3, .rollup_days = 2});
  for (int i = 0; i < 100 && keeper.step(writer_, kNoonMs).value(); ++i) {
  }
  std::vector<std::string> names;
  const auto files = list_day_files(state()).value();
  for (const auto& file : files) {
    names.push_back(fs::path(file.path).filename());
  }
  EXPECT_THAT(names, ElementsAre("rollup-2026-11-22.db", "rollup-2026-11-23.db",
                                 "samples-2026-11-24.db", "samples-2026-11-25.db"));
}

DayFile file_of(DayFile::Kind kind, std::uint64_t day, std::uint64_t bytes) {
  return {kind, "f" + std::to_string(day), day, bytes};
}

TEST(RetentionTest, WhatIsDoneFirst) {
  using Kind = RetentionStep::Kind;
  using enum DayFile::Kind;
  const Retention wanted{.bytes = 1000, .age_days = 30, .rollup_days = 2};
  const auto step = [&](std::vector<DayFile> files, std::uint64_t used = 0) {
    return next_step(files, wanted, 100, 100, used);
  };
  EXPECT_EQ(step({}).kind, Kind::nothing);
  EXPECT_EQ(step({file_of(samples, 99, 500), file_of(samples, 100, 500)}).kind, Kind::nothing);
  EXPECT_EQ(step({file_of(rollup, 69, 1)}).kind, Kind::remove);
  EXPECT_EQ(step({file_of(rollup, 70, 1)}).kind, Kind::nothing);
  EXPECT_EQ(step({file_of(samples, 98, 1), file_of(samples, 100, 1)}).kind, Kind::roll_up);
  // Too large: what was moved aside, then steps instead of samples, then the oldest, then minutes.
  EXPECT_EQ(step({file_of(aside, 99, 600), file_of(samples, 100, 600)}).path, "f99");
  EXPECT_EQ(step({file_of(samples, 99, 600), file_of(samples, 100, 600)}).kind, Kind::roll_up);
  EXPECT_EQ(step({file_of(rollup, 98, 600), file_of(samples, 100, 600)}).path, "f98");
  EXPECT_EQ(step({file_of(samples, 100, 1001)}).kind, Kind::drop_oldest);
  EXPECT_EQ(step({file_of(samples, 100, 1200)}, 900).kind, Kind::nothing) << "free pages";
}

TEST(DayFilesTest, DaysAndTheirNames) {
  EXPECT_EQ(day_text(0), "1970-01-01");
  EXPECT_EQ(day_text(kToday), "2026-11-25");
  EXPECT_EQ(parse_day("2026-11-25"), kToday);
  for (const char* text : {"2026-02-30", "2026-1-2", "1969-12-31", "2026-11-2x", ""}) {
    EXPECT_FALSE(parse_day(text)) << text;
  }
}

}  // namespace
}  // namespace cgwarden::diagnosis
