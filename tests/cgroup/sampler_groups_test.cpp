// Sampler: files that are read for an export group only.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "cgroup/sample_reader.h"
#include "cgroup/sampler.h"
#include "tests/cgroup/facts.h"
#include "tests/cgroup/faulty_calls.h"
#include "tests/cgroup/fixture_tree.h"

namespace cgwarden::cgroup {
namespace {

using ::testing::Contains;
using testing::control_files;
using testing::Facts;
using testing::facts;
using testing::FaultyCalls;
using testing::FixtureTree;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

TimePoint second(std::uint64_t seconds) { return {Usec{(100 + seconds) * 1'000'000}, Usec{0}}; }

class SamplerGroupsTest : public ::testing::Test {
 protected:
  SamplerGroupsTest() { fixture_.add("/a", control_files()); }
  Sampler& start(FileGroups groups) {
    Sampler::Options options;
    options.groups = groups;
    sampler_.emplace(tree_, std::move(options), files_);
    sampler_->rescan(second(0));
    return *sampler_;
  }
  [[nodiscard]] Facts truth(FileGroups groups) const {
    return facts(tree_.read_sample("/a", groups).value());
  }

  FixtureTree fixture_;
  Tree tree_ = fixture_.open();
  FaultyCalls files_;
  std::optional<Sampler> sampler_;
};

TEST_F(SamplerGroupsTest, ATickSaysWhatAReadingOfAllFilesSays) {
  Sampler& sampler = start(FileGroups::all());
  for (const std::uint64_t when : {0, 1, 7, 60}) {
    const auto snapshot = sampler.tick(second(when));
    EXPECT_EQ(facts(*snapshot->find("/a")), truth(FileGroups::all()));
    EXPECT_THAT(snapshot->find("/a")->unreadable, IsEmpty());
    // One without such files costs nothing.
    EXPECT_EQ(snapshot->find("/")->grouped, nullptr);
  }
}

TEST_F(SamplerGroupsTest, WhatNobodyAskedForIsNotOpened) {
  static_cast<void>(start({FileGroup::hugetlb, FileGroup::pids}).tick(second(1)));
  EXPECT_THAT(files_.opened, Contains("hugetlb.2MB.max"));
  EXPECT_THAT(files_.opened, Contains("pids.events.local"));
  for (const std::string& file : files_.opened) {
    EXPECT_TRUE(is_sampled(file, {FileGroup::hugetlb, FileGroup::pids})) << file;
  }
  files_.opened.clear();
  const auto snapshot = start({}).tick(second(1));
  EXPECT_EQ(snapshot->find("/a")->grouped, nullptr);
  for (const std::string& file : files_.opened) EXPECT_TRUE(is_sampled(file, {})) << file;
}

TEST_F(SamplerGroupsTest, ASnapshotKeepsTheValuesOfItsTick) {
  Sampler& sampler = start({FileGroup::misc, FileGroup::hugetlb});
  const auto before = sampler.tick(second(1));
  fixture_.write("/a", "misc.max", "sev 7\n");
  fixture_.write("/a", "hugetlb.2MB.max", "4096\n");
  const auto after = sampler.tick(second(60));
  EXPECT_EQ(facts(*before->find("/a")).at("misc.max|sev"), "max");
  EXPECT_EQ(facts(*before->find("/a")).at("hugetlb.2MB.max|"), "8388608");
  EXPECT_EQ(facts(*after->find("/a")).at("misc.max|sev"), "7");
  EXPECT_EQ(facts(*after->find("/a")).at("hugetlb.2MB.max|"), "4096");
  // And shares them while nothing changes.
  EXPECT_EQ(sampler.tick(second(120))->find("/a")->grouped, after->find("/a")->grouped);
}

TEST_F(SamplerGroupsTest, AControllerThatGoesTakesItsFilesAlong) {
  Sampler& sampler = start(FileGroups::all());
  static_cast<void>(sampler.tick(second(1)));
  for (const auto& [file, text] : control_files()) {
    if (file.starts_with("hugetlb.")) std::filesystem::remove(fixture_.host_path("/a/" + file));
  }
  fixture_.write("/a", "cgroup.controllers", "cpu io memory pids rdma\n");
  const auto without = sampler.tick(second(30));
  for (const auto& [key, value] : facts(*without->find("/a"))) {
    EXPECT_FALSE(key.starts_with("hugetlb.")) << key;
  }
  EXPECT_TRUE(without->find("/a")->grouped->rdma_max);
  fixture_.add("/a", control_files());
  static_cast<void>(sampler.tick(second(60)));
  EXPECT_EQ(facts(*sampler.tick(second(61))->find("/a")), truth(FileGroups::all()));
}

TEST_F(SamplerGroupsTest, OneSizeThatCannotBeReadLeavesTheOther) {
  files_.fail_always("hugetlb.2MB.current", EACCES);
  Sampler& sampler = start({FileGroup::hugetlb});
  const auto snapshot = sampler.tick(second(60));
  const Facts said = facts(*snapshot->find("/a"));
  EXPECT_FALSE(said.contains("hugetlb.2MB.current|"));
  EXPECT_EQ(said.at("hugetlb.1GB.current|"), "1073741824");
  EXPECT_EQ(said.at("hugetlb.2MB.max|"), "8388608");
  ASSERT_THAT(snapshot->find("/a")->unreadable, SizeIs(1));
  EXPECT_EQ(snapshot->find("/a")->unreadable[0].file, "hugetlb.2MB.current");
  const auto row = sampled_file("hugetlb.2MB.current");
  const auto denied = static_cast<std::size_t>(ReadFault::not_permitted);
  EXPECT_GT(sampler.read_errors().at(row).at(denied), 0U);
}

// By DamagedTextIsAbsentNamedAndCountedUntilItIsWhole, for every file of a group.
TEST_F(SamplerGroupsTest, DamagedTextIsAbsentAndNamedUntilItIsWhole) {
  Sampler& sampler = start(FileGroups::all());
  static_cast<void>(sampler.tick(second(1)));
  std::uint64_t now = 0;
  for (const auto& [file, text] : control_files()) {
    if (is_sampled(file, {}) || text.empty()) continue;
    fixture_.write("/a", file, text.substr(0, text.size() - 1));
    const auto damaged = sampler.tick(second(now += 60));
    Facts expected = truth(FileGroups::all());
    EXPECT_EQ(facts(*damaged->find("/a")), expected) << file;
    EXPECT_FALSE(expected.contains(file)) << file;
    ASSERT_THAT(damaged->find("/a")->unreadable, SizeIs(1)) << file;
    EXPECT_EQ(damaged->find("/a")->unreadable[0].file, file);
    fixture_.write("/a", file, text);
    const auto whole = sampler.tick(second(now += 60));
    EXPECT_EQ(facts(*whole->find("/a")), truth(FileGroups::all())) << file;
    EXPECT_THAT(whole->find("/a")->unreadable, IsEmpty()) << file;
  }
}

// A policy may come that sets what was not read before.
TEST_F(SamplerGroupsTest, AGroupThatIsAddedIsReadFromTheNextTickOn) {
  Sampler& sampler = start({});
  EXPECT_EQ(facts(*sampler.tick(second(1))->find("/a")), truth({}));
  sampler.add_groups({FileGroup::memory, FileGroup::hugetlb});
  const auto snapshot = sampler.tick(second(2));
  EXPECT_EQ(facts(*snapshot->find("/a")), truth({FileGroup::memory, FileGroup::hugetlb}));
  sampler.add_groups({FileGroup::cpuset});
  EXPECT_EQ(facts(*sampler.tick(second(3))->find("/a")),
            truth({FileGroup::memory, FileGroup::hugetlb, FileGroup::cpuset}));
}

// Whichever call fails in whichever way: what a sample still says is true, and it is whole again
// when the fault is over.
TEST_F(SamplerGroupsTest, FaultSweep) {
  const FileGroups groups{FileGroup::hugetlb, FileGroup::misc};
  fixture_.remove("/a");
  for (const auto& [file, text] : control_files()) {
    const bool kept = !is_sampled(file, {}) && is_sampled(file, groups);
    if (kept || file == "cgroup.controllers") fixture_.add("/a", {{file, text}});
  }
  const Facts whole = truth(groups);
  for (const int errno_value : {ENOENT, EACCES, EINVAL, EOPNOTSUPP}) {
    for (int n = 1;; ++n) {
      files_.fail_at(n, errno_value);
      Sampler& sampler = start(groups);
      const auto ticks = {sampler.tick(second(1)), sampler.tick(second(20))};
      const bool failed = files_.failed();
      for (const auto& snapshot : ticks) {
        const Sample* sample = snapshot->find("/a");
        for (const auto& [key, value] : sample ? facts(*sample) : Facts()) {
          ASSERT_EQ(whole.at(key), value) << n << " " << errno_value << " " << key;
        }
      }
      if (!failed) break;
      sampler.rescan(second(100));
      const auto healed = sampler.tick(second(200));
      ASSERT_TRUE(healed->find("/a")) << n << " " << errno_value;
      EXPECT_EQ(facts(*healed->find("/a")), whole) << n << " " << errno_value;
    }
    EXPECT_GT(files_.calls(), 40);
  }
}

}  // namespace
}  // namespace cgwarden::cgroup
