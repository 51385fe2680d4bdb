// Which cgroups the sampler knows of, by polling and by being told.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <limits>
#include <memory>
#include <numeric>
#include <optional>
#include <utility>

#include "cgroup/sampler.h"
#include "tests/cgroup/facts.h"
#include "tests/cgroup/fixture_tree.h"

namespace cgwarden::cgroup {
namespace {

using testing::control_files;
using ::testing::ElementsAre;
using testing::facts;
using testing::FixtureTree;
using ::testing::SizeIs;

TimePoint moment(std::uint64_t seconds) { return {Usec{(100 + seconds) * 1'000'000}, Usec{0}}; }

std::vector<std::string> tree_paths(const SampleList& samples) {
  std::vector<std::string> found;
  for (const Sample& sample : samples) found.push_back(sample.path);
  return found;
}

// The n-th call (from 1) fails.
class FailingCalls final : public ControlFiles {
 public:
  void fail_at(int call, int errno_value) {
    left_ = call;
    errno_value_ = errno_value;
  }
  [[nodiscard]] bool failed() const { return left_ <= 0; }

  Result<UniqueFd> open_cgroup(const Tree& tree, std::string_view path) override {
    return hit() ? fail(fault("open")) : kernel_.open_cgroup(tree, path);
  }
  Result<Listing> list(int directory) override {
    return hit() ? fail(fault("list")) : kernel_.list(directory);
  }
  Result<UniqueFd> open(int directory, std::string_view file) override {
    return hit() ? fail(fault("open")) : kernel_.open(directory, file);
  }
  Result<std::size_t> read(int fd, std::span<char> buffer, std::string_view file) override {
    return hit() ? fail(fault("read")) : kernel_.read(fd, buffer, file);
  }

 private:
  bool hit() { return --left_ == 0; }
  [[nodiscard]] Error fault(const char* what) const {
    return Error::from_errno(errno_value_, what, "f");
  }
  KernelFiles kernel_;
  int left_ = std::numeric_limits<int>::max();
  int errno_value_ = 0;
};

std::uint64_t all_errors(const Sampler& sampler) {
  std::uint64_t total = 0;
  for (const auto& row : sampler.read_errors())
    total = std::accumulate(row.begin(), row.end(), total);
  return total;
}

// Says what the test wants; has room for `room` directories.
class ToldWatch final : public TreeWatch {
 public:
  ToldWatch(std::vector<TreeChange>& changes, std::size_t room) : changes_(changes), room_(room) {}
  [[nodiscard]] std::string_view kind() const override { return "inotify"; }
  [[nodiscard]] int fd() const override { return 0; }
  [[nodiscard]] Status add(CgroupId /*id*/, int /*directory*/) override {
    if (room_ == 0) return fail(Error::from_errno(ENOSPC, "watch", "directories"));
    --room_;
    return {};
  }
  void remove(CgroupId /*id*/) override { ++room_; }
  [[nodiscard]] Result<std::vector<TreeChange>> take() override {
    return std::exchange(changes_, {});
  }

 private:
  std::vector<TreeChange>& changes_;
  std::size_t room_;
};

class SamplerTreeTest : public ::testing::Test {
 protected:
  SamplerTreeTest() {
    fixture_.add("/a", {});
    fixture_.add("/a/b", control_files());
    fixture_.add("/a-b", {});
  }
  Sampler& start() {
    sampler_.emplace(tree_, Sampler::Options{}, files_);
    sampler_->rescan(moment(0));
    return *sampler_;
  }

  FixtureTree fixture_;
  Tree tree_ = fixture_.open();
  KernelFiles files_;
  std::optional<Sampler> sampler_;
};

TEST_F(SamplerTreeTest, PollingFindsWhatCameAndWent) {
  Sampler& sampler = start();
  static_cast<void>(sampler.tick(moment(1)));
  fixture_.add("/a/b/new/below", control_files());
  sampler.poll_changes(moment(2));
  EXPECT_NE(sampler.tick(moment(2))->find("/a/b/new/below"), nullptr);
  fixture_.remove("/a/b/new");
  sampler.poll_changes(moment(3));
  const auto snapshot = sampler.tick(moment(3));
  EXPECT_EQ(snapshot->find("/a/b/new"), nullptr);
  EXPECT_THAT(snapshot->gone(), SizeIs(2));
}

// st_nlink of the parent is the same before and after.
TEST_F(SamplerTreeTest, PollingFindsWhatTookThePlaceOfAnother) {
  Sampler& sampler = start();
  static_cast<void>(sampler.tick(moment(1)));
  fixture_.remove("/a/b");
  fixture_.add("/a/other", control_files());
  for (const std::uint64_t second : {2, 3}) sampler.poll_changes(moment(second));
  const auto snapshot = sampler.tick(moment(3));
  EXPECT_EQ(snapshot->find("/a/b"), nullptr);
  EXPECT_NE(snapshot->find("/a/other"), nullptr);
}

TEST_F(SamplerTreeTest, ToldChangesAreLookedAtAndOnlyThese) {
  Sampler& sampler = start();
  std::vector<TreeChange> changes;
  sampler.watch_with(std::make_unique<ToldWatch>(changes, 100), moment(0));
  const CgroupId a = tree_.id_of("/a").value();
  fixture_.add("/a/new/below", control_files());
  fixture_.add("/untold", {});
  changes = {{TreeChange::Kind::appeared, a, "new"},
             {TreeChange::Kind::removed, a, "b"},       // it is still there
             {TreeChange::Kind::appeared, a, "never"},  // and this never was
             {TreeChange::Kind::appeared, CgroupId{1}, "of nobody"}};
  sampler.take_changes(moment(1));
  auto snapshot = sampler.tick(moment(1));
  EXPECT_THAT(tree_paths(snapshot->samples()),
              ElementsAre("/", "/a", "/a-b", "/a/b", "/a/new", "/a/new/below"));
  EXPECT_EQ(facts(*snapshot->find("/a/new/below")), facts(*snapshot->find("/a/b")));
  fixture_.remove("/a/new");
  changes = {{TreeChange::Kind::removed, a, "new"}};
  sampler.take_changes(moment(2));
  snapshot = sampler.tick(moment(2));
  EXPECT_THAT(tree_paths(snapshot->samples()), ElementsAre("/", "/a", "/a-b", "/a/b"));
  EXPECT_THAT(snapshot->gone(), SizeIs(2));
  changes = {{TreeChange::Kind::overflow, {}, {}}};
  sampler.take_changes(moment(3));
  EXPECT_NE(sampler.tick(moment(3))->find("/untold"), nullptr);
}

TEST_F(SamplerTreeTest, ManagedOnesThatComeAreToldOnceAndBeforeTheTick) {
  Sampler& sampler = start();
  std::vector<TreeChange> changes;
  sampler.watch_with(std::make_unique<ToldWatch>(changes, 100), moment(0));
  sampler.set_managed([](std::string_view path) { return path.starts_with("/a/new"); }, moment(0));
  static_cast<void>(sampler.tick(moment(0)));
  EXPECT_TRUE(sampler.take_arrived().empty());
  const CgroupId a = tree_.id_of("/a").value();
  fixture_.add("/a/new/below", control_files());
  fixture_.add("/a/other", control_files());
  changes = {{TreeChange::Kind::appeared, a, "new"}, {TreeChange::Kind::appeared, a, "other"}};
  sampler.take_changes(moment(1));
  const SampleList arrived = sampler.take_arrived();
  EXPECT_THAT(tree_paths(arrived), ElementsAre("/a/new", "/a/new/below"));
  EXPECT_EQ(facts(arrived[1]), facts(tree_.read_sample("/a/new/below").value()));
  EXPECT_TRUE(sampler.take_arrived().empty());
  // Nor are those told that a snapshot shows.
  fixture_.add("/a/newer", control_files());
  changes = {{TreeChange::Kind::appeared, a, "newer"}};
  sampler.take_changes(moment(2));
  EXPECT_NE(sampler.tick(moment(2))->find("/a/newer"), nullptr);
  EXPECT_TRUE(sampler.take_arrived().empty());
}

// Whichever call fails while a new cgroup is entered: nothing is said of it that is not true, the
// fault is counted, and the next look finds it whole.
TEST_F(SamplerTreeTest, FaultSweepOfDiscovery) {
  const CgroupId a = tree_.id_of("/a").value();
  const testing::Facts whole = [&] {
    fixture_.add("/a/new", control_files());
    auto said = facts(tree_.read_sample("/a/new").value());
    fixture_.remove("/a/new");
    return said;
  }();
  for (const int errno_value : {ENOENT, EACCES, EMFILE}) {
    int n = 1;
    for (bool failed = true; failed; ++n) {
      FailingCalls files;
      Sampler sampler(tree_, {}, files);
      std::vector<TreeChange> changes;
      sampler.watch_with(std::make_unique<ToldWatch>(changes, 100), moment(0));
      fixture_.add("/a/new", control_files());
      changes = {{TreeChange::Kind::appeared, a, "new"}};
      files.fail_at(n, errno_value);
      sampler.take_changes(moment(1));
      failed = files.failed();
      const auto snapshot = sampler.tick(moment(1));
      if (const Sample* sample = snapshot->find("/a/new")) {
        for (const auto& [key, value] : facts(*sample)) {
          ASSERT_EQ(whole.count(key), 1U) << key << " " << n;
          ASSERT_EQ(whole.at(key), value) << n;
        }
      }
      if (failed && errno_value != ENOENT) {
        EXPECT_GT(all_errors(sampler), 0U) << n << " " << errno_value;
      }
      sampler.rescan(moment(100));
      const auto healed = sampler.tick(moment(200));
      ASSERT_NE(healed->find("/a/new"), nullptr) << n << " " << errno_value;
      EXPECT_EQ(facts(*healed->find("/a/new")), whole) << n << " " << errno_value;
      fixture_.remove("/a/new");
    }
    EXPECT_GT(n, 40) << errno_value;
  }
}

// The real watch: its fd becomes one that cannot be read.
TEST_F(SamplerTreeTest, AWatchThatCannotBeReadIsCountedLookedAfterAndGivenUp) {
  Sampler& sampler = start();
  auto watch = inotify_watch();
  ASSERT_TRUE(watch) << watch.error().sentence();
  const int fd = (*watch)->fd();
  sampler.watch_with(std::move(*watch), moment(0));
  const UniqueFd directory(::open(fixture_.root().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ASSERT_EQ(::dup3(directory.get(), fd, O_CLOEXEC), fd);
  fixture_.remove("/a-b");
  sampler.take_changes(moment(1));
  EXPECT_EQ(all_errors(sampler), 1U);
  EXPECT_EQ(sampler.tick(moment(1))->find("/a-b"), nullptr);
  EXPECT_EQ(sampler.discovery(), "inotify");
  for (int i = 0; i < 2; ++i) sampler.take_changes(moment(2));
  EXPECT_EQ(all_errors(sampler), 3U);
  EXPECT_EQ(sampler.discovery(), "polling");
  EXPECT_THAT(sampler.watch_fault(), ::testing::HasSubstr("inotify"));
}

TEST_F(SamplerTreeTest, AWatchThatRunsOutIsGivenUpForPolling) {
  Sampler& sampler = start();
  std::vector<TreeChange> changes;
  sampler.watch_with(std::make_unique<ToldWatch>(changes, 5), moment(0));
  EXPECT_EQ(sampler.discovery(), "inotify");
  const CgroupId a = tree_.id_of("/a").value();
  fixture_.add("/a/x/y", {});
  changes = {{TreeChange::Kind::appeared, a, "x"}};
  sampler.take_changes(moment(1));
  EXPECT_EQ(sampler.discovery(), "polling");
  EXPECT_EQ(sampler.changes_fd(), -1);
  EXPECT_THAT(sampler.watch_fault(), ::testing::HasSubstr("watch"));
  // What it was in the middle of is there, and the next change is found by looking.
  EXPECT_NE(sampler.tick(moment(1))->find("/a/x/y"), nullptr);
  fixture_.add("/a/x/z", {});
  sampler.poll_changes(moment(2));
  EXPECT_NE(sampler.tick(moment(2))->find("/a/x/z"), nullptr);
}

// The loop that runs it has other things to do.
TEST_F(SamplerTreeTest, AStormIsWorkedOffInPortions) {
  Sampler& sampler = start();
  std::vector<TreeChange> changes;
  sampler.watch_with(std::make_unique<ToldWatch>(changes, 1000), moment(0));
  const CgroupId a = tree_.id_of("/a").value();
  const std::size_t before = sampler.cgroups();
  constexpr std::size_t kStorm = 40;
  for (std::size_t i = 0; i < kStorm; ++i) {
    fixture_.add("/a/new" + std::to_string(i), {});
    changes.push_back({TreeChange::Kind::appeared, a, "new" + std::to_string(i)});
  }
  constexpr std::size_t kPortion = 5;
  std::size_t known = before;
  std::size_t portions = 1;
  for (; sampler.take_changes(moment(1), kPortion); ++portions) {
    EXPECT_LE(sampler.cgroups(), known + kPortion);
    known = sampler.cgroups();
    // A tick in between shows what is known.
    EXPECT_THAT(sampler.tick(moment(1))->samples(), SizeIs(known));
    ASSERT_LE(portions, 4 * kStorm);
  }
  EXPECT_GT(portions, kStorm / kPortion);
  EXPECT_EQ(sampler.cgroups(), before + kStorm);
  // So is what has to be looked for after an overflow, and what went is found.
  fixture_.add("/untold/below", {});
  for (std::size_t i = 0; i < kStorm; ++i) fixture_.remove("/a/new" + std::to_string(i));
  changes = {{TreeChange::Kind::overflow, {}, {}}};
  for (portions = 1; sampler.take_changes(moment(2), 1); ++portions) {
    ASSERT_LE(portions, 4 * kStorm);
  }
  EXPECT_GT(portions, 5U);
  EXPECT_EQ(sampler.cgroups(), before + 2);
  EXPECT_NE(sampler.tick(moment(2))->find("/untold/below"), nullptr);
}

TEST_F(SamplerTreeTest, ARescanByPollingIsWorkedOffInPortionsToo) {
  Sampler& sampler = start();
  static_cast<void>(sampler.tick(moment(1)));
  for (int i = 0; i < 10; ++i) fixture_.add("/a/new" + std::to_string(i), {});
  const std::size_t before = sampler.cgroups();
  EXPECT_TRUE(sampler.poll_changes(moment(2), 3));
  EXPECT_EQ(sampler.cgroups(), before + 3);
  while (sampler.poll_changes(moment(2), 3)) {
  }
  EXPECT_EQ(sampler.cgroups(), before + 10);
}

class TooDeep : public SamplerTreeTest {
 protected:
  // /a is the deepest that is sampled.
  Sampler& start_flat(Sampler::Choice keep = {}) {
    fixture_.write("/a/b", "cgroup.stat", "nr_descendants 3\n");
    Sampler::Options options;
    options.keep = std::move(keep);
    options.most_depth = 1;
    sampler_.emplace(tree_, std::move(options), files_);
    sampler_->watch_with(std::make_unique<ToldWatch>(changes_, 100), moment(0));
    a_ = tree_.id_of("/a").value();
    return *sampler_;
  }
  std::size_t dropped(std::uint64_t second) {
    sampler_->take_changes(moment(second));
    return sampler_->tick(moment(second))->dropped();
  }

  std::vector<TreeChange> changes_;
  CgroupId a_;
};

TEST_F(TooDeep, AreCountedAnewWhenOneOfThemGoes) {
  start_flat();
  EXPECT_EQ(dropped(1), 4U);
  // Nobody tells of those below it, which went first.
  fixture_.remove("/a/b");
  changes_ = {{TreeChange::Kind::removed, a_, "b"}};
  EXPECT_EQ(dropped(2), 0U);
  fixture_.add("/a/c", {});
  changes_ = {{TreeChange::Kind::appeared, a_, "c"}};
  EXPECT_EQ(dropped(3), 1U);
}

TEST_F(TooDeep, AreCountedAnewWithTheSlowFiles) {
  start_flat();
  EXPECT_EQ(dropped(1), 4U);
  fixture_.write("/a/b", "cgroup.stat", "nr_descendants 7\n");
  EXPECT_EQ(dropped(2), 4U);
  EXPECT_EQ(dropped(17), 8U);
}

TEST_F(TooDeep, AreOnlyThoseThatAreWanted) {
  start_flat([](std::string_view path) { return path != "/a/c"; });
  EXPECT_EQ(dropped(1), 4U);
  fixture_.add("/a/c", {});
  changes_ = {{TreeChange::Kind::appeared, a_, "c"}};
  EXPECT_EQ(dropped(2), 4U);
}

}  // namespace
}  // namespace cgwarden::cgroup
