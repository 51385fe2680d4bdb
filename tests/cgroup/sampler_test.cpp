#include "cgroup/sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <numeric>
#include <optional>
#include <utility>

#include "tests/cgroup/facts.h"
#include "tests/cgroup/faulty_calls.h"
#include "tests/cgroup/fixture_tree.h"

namespace cgwarden::cgroup {
namespace {

using ::testing::Contains;
using testing::control_files;
using ::testing::ElementsAre;
using testing::Facts;
using testing::facts;
using testing::FaultyCalls;
using testing::FixtureTree;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::uint64_t kSecond = 1'000'000;

TimePoint at(std::uint64_t seconds) { return {Usec{(100 + seconds) * kSecond}, Usec{0}}; }

std::uint64_t sum(const ReadErrors& errors) {
  std::uint64_t total = 0;
  for (const auto& row : errors) total = std::accumulate(row.begin(), row.end(), total);
  return total;
}

std::uint64_t drops(const Sampler& sampler, DropReason reason) {
  return sampler.drops().at(static_cast<std::size_t>(reason));
}

std::vector<std::string> paths(const SampleList& samples) {
  std::vector<std::string> found;
  for (const Sample& sample : samples) found.push_back(sample.path);
  return found;
}

bool says_nothing_else(const Facts& part, const Facts& whole) {
  return std::ranges::all_of(part, [&](const auto& fact) {
    const auto found = whole.find(fact.first);
    return found != whole.end() && found->second == fact.second;
  });
}

class SamplerTest : public ::testing::Test {
 protected:
  SamplerTest() {
    fixture_.add("/a", control_files());
    fixture_.add("/a/b", control_files());
    fixture_.add("/a-b", {{"cgroup.controllers", "\n"}, {"pids.current", "1\n"}});
  }
  Sampler& start(Sampler::Options options = {}) {
    sampler_.emplace(tree_, std::move(options), files_);
    sampler_->rescan(at(0));
    return *sampler_;
  }

  FixtureTree fixture_;
  Tree tree_ = fixture_.open();
  FaultyCalls files_;
  std::optional<Sampler> sampler_;
};

TEST_F(SamplerTest, ATickSaysWhatAWalkSays) {
  Sampler& sampler = start();
  for (const std::uint64_t second : {0, 1, 7, 60}) {
    const auto snapshot = sampler.tick(at(second));
    const Snapshot walked = tree_.read_snapshot(at(second));
    ASSERT_EQ(paths(snapshot->samples()), paths(walked.samples()));
    for (std::size_t i = 0; i < walked.samples().size(); ++i) {
      EXPECT_EQ(facts(snapshot->samples()[i]), facts(walked.samples()[i]));
      EXPECT_EQ(snapshot->samples()[i].id, walked.samples()[i].id);
      EXPECT_THAT(snapshot->samples()[i].unreadable, IsEmpty());
    }
    EXPECT_EQ(snapshot->taken().boottime, at(second).boottime);
  }
  EXPECT_EQ(sum(sampler.read_errors()), 0U);
}

TEST_F(SamplerTest, FilesOfEveryTickAreOpenedOnceAndOthersWhenTheirTierIsDue) {
  Sampler& sampler = start();
  static_cast<void>(sampler.tick(at(6)));  // no longer young
  files_.opened.clear();
  fixture_.write("/a", "memory.current", "1\n");
  fixture_.write("/a", "memory.stat", "anon 1\n");
  fixture_.write("/a", "memory.max", "4096\n");
  const auto tick = sampler.tick(at(7));
  EXPECT_EQ(tick->find("/a")->memory_current, Bytes{1});
  EXPECT_THAT(files_.opened, ::testing::Not(Contains("memory.current")));
  bool stat_seen = false;
  bool limit_seen = false;
  for (std::uint64_t second = 8; second < 24; ++second) {
    const auto later = sampler.tick(at(second));
    stat_seen |= later->find("/a")->memory_stat->anon == 1U;
    limit_seen |= later->find("/a")->memory_max == LimitOf<Bytes>(Bytes{4096});
  }
  EXPECT_TRUE(stat_seen);
  EXPECT_TRUE(limit_seen);
  EXPECT_THAT(files_.opened, ::testing::Not(Contains("cpu.stat")));
  // In 17 s each slow file was read once or twice by each of the two that have it.
  const auto reads = std::ranges::count(files_.opened, "memory.stat");
  EXPECT_GE(reads, 2);
  EXPECT_LE(reads, 4);
}

TEST_F(SamplerTest, LimitsOfManagedCgroupsAreReadEveryTick) {
  Sampler& sampler = start();
  static_cast<void>(sampler.tick(at(20)));
  sampler.set_managed([](std::string_view path) { return path == "/a/b"; }, at(20));
  fixture_.write("/a/b", "memory.max", "4096\n");
  EXPECT_EQ(sampler.tick(at(21))->find("/a/b")->memory_max, LimitOf<Bytes>(Bytes{4096}));
}

// Whichever call fails in whichever way: what a sample still says is true, an error is counted, and
// when the fault is over everything is back.
TEST_F(SamplerTest, FaultSweep) {
  fixture_.remove("/a/b");  // one with all files is enough
  const Snapshot truth = tree_.read_snapshot(at(0));
  for (const int errno_value : {ENOENT, ENODEV, EACCES, EINVAL, EIO, EOPNOTSUPP}) {
    for (int n = 1;; ++n) {
      files_.fail_at(n, errno_value);
      Sampler& sampler = start();
      const auto first = sampler.tick(at(1));
      const auto second = sampler.tick(at(20));
      const bool failed = files_.failed();
      for (const auto& snapshot : {first, second}) {
        for (const Sample& sample : snapshot->samples()) {
          const Sample* whole = truth.find(sample.path);
          ASSERT_NE(whole, nullptr);
          ASSERT_TRUE(says_nothing_else(facts(sample), facts(*whole))) << n << " " << errno_value;
        }
      }
      if (!failed) break;
      if (errno_value != EOPNOTSUPP && errno_value != ENOENT && errno_value != ENODEV) {
        EXPECT_GT(sum(sampler.read_errors()), 0U) << n << " " << errno_value;
      }
      sampler.rescan(at(100));
      const auto healed = sampler.tick(at(200));
      ASSERT_EQ(paths(healed->samples()), paths(truth.samples())) << n << " " << errno_value;
      for (const Sample& sample : healed->samples()) {
        EXPECT_EQ(facts(sample), facts(*truth.find(sample.path))) << n << " " << errno_value;
      }
    }
    EXPECT_GT(files_.calls(), 80);
  }
}

// Wherever a text ends too early: what is said is true, what is not is named or was not there, and
// a damaged line is counted.
TEST_F(SamplerTest, TruncationSweep) {
  fixture_.remove("/a/b");
  const Snapshot truth = tree_.read_snapshot(at(0));
  const auto malformed = static_cast<std::size_t>(ReadFault::malformed);
  std::uint64_t counted = 0;
  int n = 1;
  for (;; ++n) {
    files_.cut_at(n);
    Sampler& sampler = start();
    const auto first = sampler.tick(at(1));
    const auto second = sampler.tick(at(20));
    if (!files_.failed()) break;
    for (const auto& snapshot : {first, second}) {
      ASSERT_EQ(paths(snapshot->samples()), paths(truth.samples())) << n;
      for (const Sample& sample : snapshot->samples()) {
        const Facts whole = facts(*truth.find(sample.path));
        ASSERT_TRUE(says_nothing_else(facts(sample), whole)) << n;
      }
    }
    for (const auto& row : sampler.read_errors()) counted += row.at(malformed);
  }
  EXPECT_GT(n, 80);
  // All but those that were empty, or cut between two lines.
  EXPECT_GT(counted, static_cast<std::uint64_t>(n) / 2);
}

TEST_F(SamplerTest, AFileThatVanishesAloneIsAbsentAndCounted) {
  Sampler& sampler = start();
  files_.fail_always("cpu.stat", ENODEV);
  const auto snapshot = sampler.tick(at(1));
  EXPECT_FALSE(snapshot->find("/a")->cpu_stat);
  EXPECT_TRUE(snapshot->find("/a")->memory_current);
  EXPECT_GT(sampler.read_errors().at(sampled_file("cpu.stat")).at(0), 0U);
  EXPECT_THAT(snapshot->gone(), IsEmpty());
}

TEST_F(SamplerTest, DamagedTextIsAbsentNamedAndCountedUntilItIsWhole) {
  Sampler& sampler = start();
  fixture_.write("/a", "memory.events", "low 1\nhigh x\n");
  const auto damaged = sampler.tick(at(1));
  EXPECT_FALSE(damaged->find("/a")->memory_events);
  ASSERT_THAT(damaged->find("/a")->unreadable, SizeIs(1));
  EXPECT_EQ(damaged->find("/a")->unreadable[0].file, "memory.events");
  const auto malformed = static_cast<std::size_t>(ReadFault::malformed);
  EXPECT_EQ(sampler.read_errors().at(sampled_file("memory.events")).at(malformed), 1U);
  fixture_.write("/a", "memory.events", "low 2\n");
  const auto whole = sampler.tick(at(2));
  EXPECT_EQ(whole->find("/a")->memory_events->low, 2U);
  EXPECT_THAT(whole->find("/a")->unreadable, IsEmpty());
}

TEST_F(SamplerTest, WhatTheKernelHasSwitchedOffIsNoError) {
  files_.fail_always("cpu.pressure", EOPNOTSUPP);
  Sampler& sampler = start();
  static_cast<void>(sampler.tick(at(1)));
  const auto snapshot = sampler.tick(at(2));
  EXPECT_FALSE(snapshot->find("/a")->cpu_pressure);
  ASSERT_THAT(snapshot->find("/a")->unreadable, SizeIs(1));
  EXPECT_TRUE(snapshot->find("/a")->unreadable[0].switched_off);
  EXPECT_EQ(sum(sampler.read_errors()), 0U);
}

TEST_F(SamplerTest, ControllersThatComeAndGoTakeTheirFilesAlong) {
  Sampler& sampler = start();
  static_cast<void>(sampler.tick(at(1)));
  for (const auto& [file, text] : control_files()) {
    if (file.starts_with("memory.")) std::filesystem::remove(fixture_.host_path("/a/b/" + file));
  }
  fixture_.write("/a/b", "cgroup.controllers", "cpu io pids\n");
  const auto without = sampler.tick(at(30));
  EXPECT_FALSE(without->find("/a/b")->memory_stat);
  EXPECT_FALSE(without->find("/a/b")->memory_current);
  EXPECT_TRUE(without->find("/a/b")->cpu_stat);
  fixture_.add("/a/b", control_files());
  static_cast<void>(sampler.tick(at(60)));  // finds the controller
  const auto with = sampler.tick(at(61));   // and reads its files
  EXPECT_EQ(facts(*with->find("/a/b")), facts(*with->find("/a")));
}

TEST_F(SamplerTest, GoneCgroupsKeepTheirLastValuesUntilForgotten) {
  Sampler& sampler = start();
  static_cast<void>(sampler.tick(at(1)));
  fixture_.remove("/a/b");
  sampler.rescan(at(2));
  const auto first = sampler.tick(at(2));
  EXPECT_THAT(paths(first->samples()), ElementsAre("/", "/a", "/a-b"));
  ASSERT_THAT(first->gone(), SizeIs(1));
  EXPECT_EQ(first->gone()[0].path, "/a/b");
  EXPECT_EQ(first->gone()[0].cpu_stat->usage_usec, 476123U);
  EXPECT_EQ(first->find("/a/b"), nullptr);
  EXPECT_THAT(first->gone_since(), ElementsAre(first->sequence()));
  const auto second = sampler.tick(at(3));
  EXPECT_THAT(second->gone(), SizeIs(1));
  EXPECT_THAT(second->gone_since(), ElementsAre(first->sequence()));
  sampler.forget_gone(first->sequence() - 1);
  EXPECT_THAT(sampler.tick(at(4))->gone(), SizeIs(1));
  sampler.forget_gone(first->sequence());
  EXPECT_THAT(sampler.tick(at(5))->gone(), IsEmpty());
}

TEST_F(SamplerTest, NobodyIsWaitedForForEver) {
  Sampler& sampler = start();
  fixture_.remove("/a/b");
  sampler.rescan(at(2));
  EXPECT_THAT(sampler.tick(at(2 + limits::kGoneSeconds))->gone(), SizeIs(1));
  EXPECT_THAT(sampler.tick(at(3 + limits::kGoneSeconds))->gone(), IsEmpty());
}

// Two series of the same labels would spoil the whole page.
TEST_F(SamplerTest, ACgroupThatComesBackReplacesTheGoneOne) {
  Sampler& sampler = start();
  const CgroupId before = sampler.tick(at(1))->find("/a/b")->id;
  const auto pin = tree_.open_cgroup("/a/b");  // so that its inode number is not given again
  fixture_.remove("/a/b");
  fixture_.add("/a/b", {{"pids.current", "5\n"}});
  sampler.rescan(at(2));
  const auto snapshot = sampler.tick(at(2));
  EXPECT_THAT(snapshot->gone(), IsEmpty());
  EXPECT_NE(snapshot->find("/a/b")->id, before);
  EXPECT_EQ(snapshot->find("/a/b")->pids_current, 5U);
  EXPECT_FALSE(snapshot->find("/a/b")->cpu_stat);
}

// Whoever adds up needs what a cgroup counted last, also when its path is there again.
TEST_F(SamplerTest, EveryCgroupThatEndedIsHandedOutOnce) {
  Sampler& sampler = start();
  const CgroupId before = sampler.tick(at(1))->find("/a/b")->id;
  const auto pin = tree_.open_cgroup("/a/b");  // so that its inode number is not given again
  fixture_.remove("/a/b");
  fixture_.add("/a/b", {{"pids.current", "5\n"}});
  fixture_.add("/short", {{"pids.current", "6\n"}});
  sampler.rescan(at(2));
  fixture_.remove("/short");
  sampler.rescan(at(2));
  const auto snapshot = sampler.tick(at(2));
  ASSERT_THAT(paths(snapshot->ended()), ElementsAre("/a/b", "/short"));
  EXPECT_EQ(snapshot->ended()[0].id, before);
  EXPECT_EQ(snapshot->ended()[0].cpu_stat->usage_usec, 476123U);
  EXPECT_EQ(snapshot->ended()[1].pids_current, 6U);
  EXPECT_THAT(paths(snapshot->gone()), ElementsAre("/short"));
  EXPECT_THAT(sampler.tick(at(3))->ended(), IsEmpty());
}

TEST_F(SamplerTest, EndedOnesAreBoundedAndWhatIsLostIsCounted) {
  Sampler::Options options;
  options.most_gone = 2;
  Sampler& sampler = start(options);
  for (int i = 0; i < 3; ++i) {
    const auto pin = tree_.open_cgroup("/a/b");
    fixture_.remove("/a/b");
    fixture_.add("/a/b", {});
    sampler.rescan(at(1));
  }
  const auto snapshot = sampler.tick(at(1));
  EXPECT_THAT(snapshot->ended(), SizeIs(2));
  EXPECT_THAT(snapshot->gone(), IsEmpty());
  EXPECT_EQ(drops(sampler, DropReason::gone_hold), 1U);
}

TEST_F(SamplerTest, GoneOnesAreBounded) {
  Sampler::Options options;
  options.most_gone = 20;
  Sampler& sampler = start(options);
  const std::size_t more = options.most_gone + 10;
  for (std::size_t i = 0; i < more; ++i) {
    std::filesystem::create_directory(fixture_.host_path("/x" + std::to_string(i)));
  }
  sampler.rescan(at(1));
  for (std::size_t i = 0; i < more; ++i) {
    std::filesystem::remove(fixture_.host_path("/x" + std::to_string(i)));
  }
  sampler.rescan(at(2));
  EXPECT_THAT(sampler.tick(at(2))->gone(), SizeIs(options.most_gone));
  EXPECT_EQ(drops(sampler, DropReason::gone_hold), 10U);
}

TEST_F(SamplerTest, TheCapLeavesOutOthersBeforeManagedOnes) {
  Sampler& sampler = start({.intervals = Sampler::Options{}.intervals,
                            .keep = {},
                            .most_cgroups = 2,
                            .most_depth = limits::kCgroupDepth,
                            .most_kept_files = limits::kKeptFiles});
  const auto first = sampler.tick(at(1));
  EXPECT_THAT(first->samples(), SizeIs(2));
  EXPECT_EQ(first->dropped(), 2U);
  EXPECT_EQ(drops(sampler, DropReason::cap), 2U);
  for (const std::string wanted : {"/a/b", "/a-b", "/a"}) {
    sampler.set_managed([wanted](std::string_view path) { return path == wanted; }, at(2));
    const auto snapshot = sampler.tick(at(2));
    EXPECT_NE(snapshot->find(wanted), nullptr) << wanted;
    EXPECT_THAT(snapshot->samples(), SizeIs(2));
    EXPECT_EQ(snapshot->dropped(), 2U);
    EXPECT_THAT(snapshot->gone(), IsEmpty());
  }
  // Room that comes free is used.
  fixture_.remove("/a");
  sampler.rescan(at(3));
  EXPECT_THAT(paths(sampler.tick(at(3))->samples()), ElementsAre("/", "/a-b"));
}

TEST_F(SamplerTest, BeyondTheBoundOfKeptFilesTheTickFilesAreReadWithTheMediumTier) {
  Sampler& sampler = start({.intervals = Sampler::Options{}.intervals,
                            .keep = {},
                            .most_cgroups = 100,
                            .most_depth = limits::kCgroupDepth,
                            .most_kept_files = kTickFiles + 1});
  EXPECT_LE(sampler.kept_files(), kTickFiles + 1);
  EXPECT_GT(drops(sampler, DropReason::kept_fds), 0U);
  sampler.set_managed([](std::string_view path) { return path == "/a/b"; }, at(0));
  fixture_.write("/a", "memory.current", "1\n");
  fixture_.write("/a/b", "memory.current", "1\n");
  EXPECT_EQ(sampler.tick(at(0))->find("/a/b")->memory_current, Bytes{1});
  bool all = false;
  for (std::uint64_t second = 1; second < 8; ++second) {
    const auto snapshot = sampler.tick(at(second));
    all |= snapshot->find("/a")->memory_current == Bytes{1} &&
           snapshot->find("/a/b")->memory_current == Bytes{1};
  }
  EXPECT_TRUE(all);
  EXPECT_LE(sampler.kept_files(), kTickFiles + 1);
}

TEST_F(SamplerTest, RoomForOneIsNotTakenByMany) {
  for (const char* path : {"/c1", "/c2", "/c3", "/c4", "/c5", "/c6"}) {
    fixture_.add(path, control_files());
  }
  constexpr std::size_t kBound = 2 * kTickFiles + 1;
  Sampler& sampler = start({.intervals = Sampler::Options{}.intervals,
                            .keep = {},
                            .most_cgroups = 100,
                            .most_depth = limits::kCgroupDepth,
                            .most_kept_files = kBound});
  static_cast<void>(sampler.tick(at(1)));
  fixture_.remove("/a/b");
  for (std::uint64_t second = 2; second < 30; ++second) {
    sampler.rescan(at(second));
    static_cast<void>(sampler.tick(at(second)));
    ASSERT_LE(sampler.kept_files(), kBound) << second;
  }
}

TEST_F(SamplerTest, FilterAndDepth) {
  fixture_.add("/a/b/c/d", {{"cgroup.stat", "nr_descendants 0\n"}});
  fixture_.write("/a/b/c", "cgroup.stat", "nr_descendants 1\n");
  Sampler& sampler =
      start({.intervals = Sampler::Options{}.intervals,
             .keep = [](std::string_view path) { return path != "/a" && path != "/a-b"; },
             .most_cgroups = 100,
             .most_depth = 2,
             .most_kept_files = 100});
  const auto snapshot = sampler.tick(at(1));
  EXPECT_THAT(paths(snapshot->samples()), ElementsAre("/", "/a/b"));
  EXPECT_EQ(snapshot->dropped(), 2U);
  EXPECT_EQ(drops(sampler, DropReason::depth), 2U);
  // A managed one is sampled whatever the filter says, also when it was seen before it was managed.
  sampler.set_managed([](std::string_view path) { return path == "/a-b"; }, at(2));
  EXPECT_NE(sampler.tick(at(2))->find("/a-b"), nullptr);
  fixture_.add("/a/new", {});
  sampler.set_managed([](std::string_view path) { return path == "/a/new"; }, at(2));
  sampler.rescan(at(2));
  EXPECT_NE(sampler.tick(at(2))->find("/a/new"), nullptr);
}

TEST_F(SamplerTest, PortionsMakeTheSameTick) {
  Sampler& sampler = start();
  const auto whole = sampler.tick(at(1));
  fixture_.write("/a/b", "memory.current", "1\n");
  sampler.begin(at(30));
  std::size_t portions = 0;
  for (const Tier tier : kAllTiers) {
    while (sampler.collect(tier, 1)) {
      ++portions;
      if (portions == 2) {  // in the middle of it the tree changes
        fixture_.remove("/a-b");
        sampler.rescan(at(30));
      }
    }
  }
  EXPECT_GT(portions, 4U);
  const auto snapshot = sampler.finish();
  EXPECT_THAT(paths(snapshot->samples()), ElementsAre("/", "/a", "/a/b"));
  EXPECT_EQ(snapshot->find("/a/b")->memory_current, Bytes{1});
}

TEST_F(SamplerTest, ASnapshotNeverChangesUnderItsReader) {
  Sampler& sampler = start();
  const auto kept = sampler.tick(at(1));
  for (std::uint64_t second = 2; second < 6; ++second) {
    fixture_.write("/a", "memory.current", std::to_string(second) + "\n");
    EXPECT_EQ(sampler.tick(at(second))->find("/a")->memory_current, Bytes{second});
    EXPECT_EQ(kept->find("/a")->memory_current, Bytes{31457280});
  }
}

// Two ticks of a node on which little happens take little more memory than one.
TEST_F(SamplerTest, WhatDidNotChangeIsSharedByTwoSnapshots) {
  Sampler& sampler = start();
  static_cast<void>(sampler.tick(at(20)));
  static_cast<void>(sampler.tick(at(40)));
  const auto first = sampler.tick(at(41));
  fixture_.write("/a", "memory.current", "1\n");
  const auto second = sampler.tick(at(42));
  const auto third = sampler.tick(at(43));
  EXPECT_EQ(second->find("/a/b"), first->find("/a/b"));
  EXPECT_NE(second->find("/a"), first->find("/a"));
  EXPECT_EQ(third->find("/a"), second->find("/a"));
  EXPECT_EQ(facts(*first->find("/a")), facts(*first->find("/a/b")));
  EXPECT_EQ(second->find("/a")->memory_current, Bytes{1});
}

TEST_F(SamplerTest, BackOffStretchesTheTiers) {
  Sampler& sampler = start();
  static_cast<void>(sampler.tick(at(20)));
  static_cast<void>(sampler.tick(at(40)));
  sampler.set_back_off(4);
  static_cast<void>(sampler.tick(at(60)));  // all are due
  files_.opened.clear();
  static_cast<void>(sampler.tick(at(76)));
  EXPECT_THAT(files_.opened, ::testing::Not(Contains("memory.stat")));
  static_cast<void>(sampler.tick(at(120)));
  EXPECT_THAT(files_.opened, Contains("memory.stat"));
}

}  // namespace
}  // namespace cgwarden::cgroup
