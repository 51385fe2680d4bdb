#include "cgroup/sample_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "tests/cgroup/facts.h"
#include "tests/cgroup/fixture_tree.h"

namespace cgwarden::cgroup {
namespace {

using testing::control_files;
using testing::Facts;
using testing::facts;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<std::string> all_names() {
  std::vector<std::string> names;
  for (const auto& [file, text] : control_files()) names.push_back(file);
  return names;
}

// The files of control_files(); the n-th read (from 1) fails with `errno_value`. 0: none does.
class FaultyFiles {
 public:
  explicit FaultyFiles(int fail_at = 0, int errno_value = 0)
      : fail_at_(fail_at), errno_value_(errno_value) {}

  Result<std::string> operator()(int /*dir*/, const std::string& file) {
    if (++reads_ == fail_at_) {
      failed_ = file;
      return fail(Error::from_errno(errno_value_, "read", file));
    }
    return control_files().at(file);
  }
  [[nodiscard]] int reads() const { return reads_; }
  [[nodiscard]] const std::string& failed() const { return failed_; }

 private:
  int fail_at_;
  int errno_value_;
  int reads_ = 0;
  std::string failed_;
};

Sample read_all_files() {
  Sample sample;
  EXPECT_TRUE(read_files(-1, all_names(), FaultyFiles(), sample, FileGroups::all()).has_value());
  return sample;
}

TEST(ReadFilesTest, FillsEveryMember) {
  const Sample sample = read_all_files();
  EXPECT_THAT(sample.unreadable, IsEmpty());
  const Facts found = facts(sample);
  for (const auto& [file, text] : control_files()) EXPECT_TRUE(found.contains(file)) << file;
  EXPECT_EQ(sample.memory_high, LimitOf<Bytes>(Bytes{62914560}));
  EXPECT_EQ(sample.memory_max, LimitOf<Bytes>(Max{}));
  EXPECT_EQ(sample.memory_min, LimitOf<Bytes>(Bytes{0}));
  EXPECT_EQ(sample.cpu_max_burst, Usec{25000});
  EXPECT_EQ(sample.cpu_weight, 300U);
  EXPECT_EQ(sample.memory_events->low, 1U);
  EXPECT_EQ(sample.memory_events_local->low, 5U);
  EXPECT_EQ(sample.pids_events->max, 71U);
  EXPECT_EQ(sample.pids_events_local->max, 72U);
  EXPECT_EQ(sample.cpu_pressure->some->total_usec, 22341999U);
  EXPECT_EQ(sample.memory_pressure->some->total_usec, 351U);
  EXPECT_EQ(sample.io_pressure->some->total_usec, 4U);
  EXPECT_EQ(sample.irq_pressure->full->total_usec, 77U);
  EXPECT_FALSE(sample.irq_pressure->some);
}

TEST(ReadFilesTest, ReadsOnlyWhatIsListedAndKnown) {
  std::vector<std::string> asked;
  Sample sample;
  const auto read = [&](int, const std::string& file) -> Result<std::string> {
    asked.push_back(file);
    return control_files().at(file);
  };
  ASSERT_TRUE(
      read_files(-1, {"cgroup.kill", "pids.max", "hugetlb.2MB.max"}, read, sample).has_value());
  EXPECT_THAT(asked, ::testing::ElementsAre("pids.max"));
  EXPECT_EQ(facts(sample), (Facts{{"pids.max", "present"}, {"pids.max|", "128"}}));
}

// SQLite's anomaly test: whichever read fails in whichever way, what the sample still says is true.
TEST(ReadFilesTest, FaultSweep) {
  const Facts truth = facts(read_all_files());
  for (const int errno_value : {ENOENT, ENODEV, EACCES, EBUSY, EINVAL, EOPNOTSUPP, EIO}) {
    int survived = 0;
    for (int n = 1;; ++n) {
      FaultyFiles files(n, errno_value);
      Sample sample;
      const Status status = read_files(-1, all_names(), std::ref(files), sample, FileGroups::all());
      if (files.failed().empty()) {
        EXPECT_EQ(n - 1, static_cast<int>(control_files().size())) << "the sweep missed reads";
        break;
      }
      const bool last = files.failed() == "cgroup.controllers";
      if (errno_value == ENODEV || (errno_value == ENOENT && last)) {
        ASSERT_FALSE(status.has_value()) << files.failed();
        EXPECT_EQ(status.error().kind, ErrorKind::vanished);
        continue;
      }
      ASSERT_TRUE(status.has_value()) << files.failed() << " " << errno_value;
      ++survived;
      // All but the failed file is there and true; the failed one is absent, not 0.
      Facts expected = truth;
      std::erase_if(expected, [&](const auto& fact) {
        return fact.first == files.failed() || fact.first.starts_with(files.failed() + "|");
      });
      EXPECT_LT(expected.size(), truth.size());
      EXPECT_EQ(facts(sample), expected) << files.failed() << " " << errno_value;
      if (errno_value == ENOENT) {
        EXPECT_THAT(sample.unreadable, IsEmpty());
      } else {
        ASSERT_THAT(sample.unreadable, SizeIs(1));
        EXPECT_EQ(sample.unreadable[0].file, files.failed());
        EXPECT_THAT(sample.unreadable[0].reason, ::testing::Not(IsEmpty()));
      }
    }
    EXPECT_EQ(survived > 0, errno_value != ENODEV);
  }
}

// The cgroup goes away at the n-th read: every later open fails with ENOENT.
TEST(ReadFilesTest, ACgroupThatVanishesHalfwayGivesNoSample) {
  for (int n = 1; n <= static_cast<int>(control_files().size()); ++n) {
    int reads = 0;
    Sample sample;
    const Status status = read_files(
        -1, all_names(),
        [&](int, const std::string& file) -> Result<std::string> {
          if (++reads >= n) return fail(Error::from_errno(ENOENT, "open", file));
          return control_files().at(file);
        },
        sample, FileGroups::all());
    ASSERT_FALSE(status.has_value()) << n;
    EXPECT_EQ(status.error().kind, ErrorKind::vanished);
  }
}

TEST(ReadFilesTest, PsiOffIsSaidSo) {
  Sample sample;
  const auto read = [](int, const std::string& file) -> Result<std::string> {
    return fail(Error::from_errno(EOPNOTSUPP, "read", file));
  };
  ASSERT_TRUE(read_files(-1, {"cpu.pressure", "memory.high"}, read, sample).has_value());
  EXPECT_FALSE(sample.cpu_pressure.has_value());
  ASSERT_THAT(sample.unreadable, SizeIs(2));
  EXPECT_EQ(sample.unreadable[0].reason, "psi is off; boot with psi=1");
  EXPECT_THAT(sample.unreadable[1].reason, HasSubstr("memory.high"));
}

// memory.events and memory.events.local tell different things: an error must name the right one.
TEST(ReadFilesTest, ADamagedFileIsNamedByItsOwnName) {
  for (const auto& [file, text] : control_files()) {
    if (text.empty()) continue;
    Sample sample;
    const auto read = [&, damaged = file](int, const std::string& asked) -> Result<std::string> {
      return asked == damaged ? std::string("\n") : control_files().at(asked);
    };
    ASSERT_TRUE(read_files(-1, all_names(), read, sample, FileGroups::all()).has_value());
    for (const auto& unreadable : sample.unreadable) {
      EXPECT_THAT(unreadable.reason, HasSubstr(file + ":")) << unreadable.reason;
    }
  }
}

TEST(ReadFilesTest, DamagedTextIsUnreadableNotZero) {
  for (const auto& [file, text] : control_files()) {
    if (text.empty()) continue;
    Sample sample;
    const auto read = [&](int, const std::string&) -> Result<std::string> {
      return text.substr(0, text.size() - 1);
    };
    ASSERT_TRUE(read_files(-1, {file}, read, sample, FileGroups::all()).has_value()) << file;
    EXPECT_THAT(facts(sample), IsEmpty()) << file;
    ASSERT_THAT(sample.unreadable, SizeIs(1)) << file;
    EXPECT_EQ(sample.unreadable[0].file, file);
  }
}

TEST(IsSampledTest, KnowsTheFilesOfASample) {
  for (const auto& [file, text] : control_files()) EXPECT_TRUE(is_sampled(file)) << file;
  EXPECT_FALSE(is_sampled("cgroup.kill"));
  EXPECT_FALSE(is_sampled("memory.reclaim"));
  EXPECT_FALSE(is_sampled("hugetlb.*.max"));
  EXPECT_FALSE(is_sampled("hugetlb.2MB"));
  EXPECT_FALSE(is_sampled("hugetlb.2TB.max"));
  EXPECT_FALSE(is_sampled("hugetlb.MB.max"));
  EXPECT_TRUE(is_sampled("hugetlb.64KB.rsvd.max"));
}

TEST(IsSampledTest, AFileOfAGroupIsForThatGroup) {
  EXPECT_FALSE(is_sampled("misc.max", {}));
  EXPECT_FALSE(is_sampled("misc.max", {FileGroup::cpu, FileGroup::rdma}));
  EXPECT_TRUE(is_sampled("misc.max", {FileGroup::misc}));
  EXPECT_TRUE(is_sampled("memory.stat", {}));
}

TEST(ReadFilesTest, WithoutAGroupNothingOfItIsReadAndNothingAllocated) {
  std::vector<std::string> asked;
  Sample sample;
  const auto read = [&](int, const std::string& file) -> Result<std::string> {
    asked.push_back(file);
    return control_files().at(file);
  };
  ASSERT_TRUE(read_files(-1, all_names(), read, sample).has_value());
  EXPECT_EQ(sample.grouped, nullptr);
  for (const std::string& file : asked) EXPECT_TRUE(is_sampled(file, {})) << file;
}

TEST(ReadFilesTest, EveryKeyOfAGroupIsReadOnlyForIt) {
  for (const FileGroup group : kAllFileGroups) {
    Sample sample;
    ASSERT_TRUE(read_files(-1, all_names(), FaultyFiles(), sample, {group}).has_value());
    Facts rest = facts(read_all_files());
    for (const auto& [key, value] : facts(sample)) EXPECT_EQ(rest.at(key), value) << key;
    EXPECT_EQ(sample.grouped && sample.grouped->memory_stat, group == FileGroup::memory_stat);
    EXPECT_EQ(sample.grouped && sample.grouped->io_cost, group == FileGroup::io);
    EXPECT_EQ(sample.grouped && !sample.grouped->hugetlb.empty(), group == FileGroup::hugetlb);
  }
}

}  // namespace
}  // namespace cgwarden::cgroup
