// What the sampler makes of a source of values beside the files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include "cgroup/sampler.h"
#include "tests/cgroup/fixture_tree.h"

namespace cgwarden::cgroup {
namespace {

using testing::control_files;
using testing::FixtureTree;
using ::testing::IsEmpty;

TimePoint second_of(std::uint64_t seconds) { return {Usec{(100 + seconds) * 1'000'000}, Usec{0}}; }

// Says what a test put in.
class ToldValues final : public ValueSource {
 public:
  Result<std::span<const CgroupValues>> read() override {
    ++reads;
    if (error != 0) return fail(Error::from_errno(error, "walk", "/"));
    return std::span<const CgroupValues>(values);
  }
  [[nodiscard]] Usec longest_walk() const override { return Usec{7}; }
  std::vector<CgroupValues> values;
  int error = 0;
  int reads = 0;
};

class SamplerValuesTest : public ::testing::Test {
 protected:
  SamplerValuesTest() {
    fixture_.add("/a", control_files());
    fixture_.add("/b", control_files());
    auto source = std::make_unique<ToldValues>();
    source_ = source.get();
    sampler_.set_source(std::move(source));
    sampler_.rescan(second_of(0));
  }
  CgroupValues& tell(const std::string& path, std::uint32_t files) {
    CgroupValues values{};
    values.id = tree_.id_of(path)->value;
    values.files = files;
    return source_->values.emplace_back(values);
  }

  FixtureTree fixture_;
  Tree tree_ = fixture_.open();
  KernelFiles files_;
  Sampler sampler_{tree_, {}, files_};
  ToldValues* source_ = nullptr;
};

TEST_F(SamplerValuesTest, TakesWhatIsOfferedAndReadsTheRestFromFiles) {
  tell("/a", kValuesMemory | kValuesPids).memory_bytes = 77;
  fixture_.write("/a", "memory.current", "1\n");
  fixture_.write("/b", "memory.current", "2\n");
  const auto snapshot = sampler_.tick(second_of(6));
  EXPECT_EQ(source_->reads, 1);
  const Sample& told = *snapshot->find("/a");
  EXPECT_EQ(told.memory_current, Bytes{77});
  EXPECT_EQ(told.memory_events->oom_kill, 0U);
  EXPECT_EQ(told.pids_current, 0U);
  EXPECT_EQ(told.cpu_stat->usage_usec, 476123U);
  EXPECT_EQ(told.memory_stat->anon, 28672000U);
  EXPECT_EQ(snapshot->find("/b")->memory_current, Bytes{2});
}

TEST_F(SamplerValuesTest, ValuesOfOneTickAreNotTakenInTheNext) {
  tell("/a", kValuesMemory).memory_bytes = 77;
  ASSERT_EQ(sampler_.tick(second_of(1))->find("/a")->memory_current, Bytes{77});
  source_->error = EPERM;
  sampler_.begin(second_of(2));
  EXPECT_EQ(sampler_.read_values().error().kind, ErrorKind::not_permitted);
  EXPECT_EQ(sampler_.tick(second_of(2))->find("/a")->memory_current, Bytes{31457280});
  EXPECT_THAT(sampler_.tick(second_of(3))->find("/a")->unreadable, IsEmpty());
  source_->error = 0;
  EXPECT_EQ(sampler_.tick(second_of(4))->find("/a")->memory_current, Bytes{77});
}

TEST_F(SamplerValuesTest, AFileThatIsNotThereStaysMissing) {
  std::filesystem::remove(fixture_.host_path("/a/memory.current"));
  sampler_.rescan(second_of(1));
  tell("/a", kValuesMemory).memory_bytes = 77;
  const auto snapshot = sampler_.tick(second_of(1));
  EXPECT_FALSE(snapshot->find("/a")->memory_current.has_value());
  EXPECT_TRUE(snapshot->find("/a")->memory_events.has_value());
}

TEST_F(SamplerValuesTest, ACgroupThatIsNotToldAnyMoreIsFoundGone) {
  tell("/b", kValuesMemory);
  tell("/a", kValuesMemory | kValuesCpuStat);
  static_cast<void>(sampler_.tick(second_of(1)));
  source_->values.pop_back();
  fixture_.remove("/a");
  const auto snapshot = sampler_.tick(second_of(30));
  EXPECT_EQ(snapshot->find("/a"), nullptr);
  EXPECT_NE(snapshot->find("/b"), nullptr);
}

TEST_F(SamplerValuesTest, TheOrderOfRecordsDoesNotMatter) {
  tell("/a", kValuesMemory).memory_bytes = 1;
  tell("/b", kValuesMemory).memory_bytes = 2;
  for (std::uint64_t second = 1; second < 4; ++second) {
    const auto snapshot = sampler_.tick(second_of(second));
    EXPECT_EQ(snapshot->find("/a")->memory_current, Bytes{1});
    EXPECT_EQ(snapshot->find("/b")->memory_current, Bytes{2});
    std::swap(source_->values[0], source_->values[1]);
  }
}

TEST_F(SamplerValuesTest, AFileThatWasUnreadableIsNotWhenItIsTold) {
  fixture_.write("/a", "memory.current", "no number\n");
  ASSERT_EQ(sampler_.tick(second_of(1))->find("/a")->unreadable.size(), 1U);
  tell("/a", kValuesMemory).memory_bytes = 77;
  const auto snapshot = sampler_.tick(second_of(2));
  EXPECT_THAT(snapshot->find("/a")->unreadable, IsEmpty());
  EXPECT_EQ(snapshot->find("/a")->memory_current, Bytes{77});
}

TEST_F(SamplerValuesTest, UserAndSystemTimeRiseFromOneWayOfReadingToTheOther) {
  CgroupValues& values = tell("/a", kValuesCpuStat);
  values.runtime_nsec = 500'000'000;
  values.user_nsec = 1;
  values.system_nsec = 1;
  const CpuStat told = *sampler_.tick(second_of(1))->find("/a")->cpu_stat;
  // From the file before: 400001 and 76122.
  EXPECT_EQ(told.user_usec, 400001U);
  EXPECT_EQ(told.system_usec, 99999U);
  source_->values.clear();
  fixture_.write("/a", "cpu.stat", "usage_usec 510000\nuser_usec 420000\nsystem_usec 90000\n");
  const CpuStat read = *sampler_.tick(second_of(2))->find("/a")->cpu_stat;
  EXPECT_EQ(read.user_usec, 410001U);
  EXPECT_EQ(read.system_usec, 99999U);
}

// A cgroup that the walk still saw and that is read from its files before its portion comes:
// because it is new, or became empty. What the walk tells of it is of before.
TEST_F(SamplerValuesTest, AnOlderValueDoesNotTakeThePlaceOfWhatAFileSaidSince) {
  fixture_.add("/c", control_files());
  CgroupValues& values = tell("/c", kValuesMemory | kValuesPids | kValuesEvents);
  values.memory_bytes = 5;
  values.pids = 3;
  values.populated = 1;
  tell("/a", kValuesMemory).memory_bytes = 77;
  sampler_.begin(second_of(1));
  EXPECT_EQ(sampler_.read_values().value(), source_->longest_walk());
  fixture_.write("/c", "memory.current", "900\n");
  fixture_.write("/c", "pids.current", "0\n");
  fixture_.write("/c", "cgroup.events", "populated 0\nfrozen 0\n");
  sampler_.rescan(second_of(1));
  for (const Tier tier : kAllTiers) {
    while (sampler_.collect(tier, 1)) {
    }
  }
  const auto snapshot = sampler_.finish();
  EXPECT_EQ(snapshot->find("/c")->memory_current, Bytes{900});
  EXPECT_EQ(snapshot->find("/c")->pids_current, 0U);
  EXPECT_EQ(snapshot->find("/c")->cgroup_events->populated, false);
  EXPECT_EQ(snapshot->find("/a")->memory_current, Bytes{77}) << "others are as told";
  // Those of the next walk are newer.
  const auto next = sampler_.tick(second_of(30));
  EXPECT_EQ(next->find("/c")->memory_current, Bytes{5});
  EXPECT_EQ(next->find("/c")->pids_current, 3U);
}

TEST(ValuesIndex, FindsByIdFromAnyPlace) {
  std::vector<CgroupValues> values(3);
  for (std::size_t i = 0; i < values.size(); ++i) values[i].id = 10 + i;
  ValuesIndex index;
  std::size_t place = 0;
  EXPECT_TRUE(index.empty());
  EXPECT_EQ(index.find(CgroupId{10}, place), nullptr);
  index.set(values);
  EXPECT_EQ(index.find(CgroupId{12}, place), &values[2]);
  EXPECT_EQ(place, 2U);
  EXPECT_EQ(index.find(CgroupId{12}, place), &values[2]);
  place = 99;
  EXPECT_EQ(index.find(CgroupId{11}, place), &values[1]);
  EXPECT_EQ(index.find(CgroupId{13}, place), nullptr);
  index.set({});
  EXPECT_EQ(index.find(CgroupId{11}, place), nullptr);
}

}  // namespace
}  // namespace cgwarden::cgroup
