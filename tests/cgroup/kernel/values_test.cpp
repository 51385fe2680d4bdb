// What the BPF program tells is what the files of a real kernel print.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>
#include <set>

#include "cgroup/bpf/cgroup_iterator.h"
#include "cgroup/sampled_files.h"
#include "cgroup/sampler.h"
#include "cgroup/take_value.h"
#include "tests/cgroup/facts.h"
#include "tests/cgroup/kernel/kernel_cgroup.h"

namespace cgwarden::cgroup {
namespace {

using testing::Child;
using ::testing::Contains;
using testing::contains;
using testing::Facts;
using testing::facts;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Not;
using testing::sleep_forever;
using ::testing::UnorderedElementsAreArray;
using testing::wait_for;

constexpr std::uint32_t kAllValues = kValuesCpuStat | kValuesMemory | kValuesCpuPressure |
                                     kValuesMemoryPressure | kValuesIoPressure | kValuesPids |
                                     kValuesEvents;
constexpr int kTries = 200;

void run_forever() {
  const volatile bool forever = true;
  while (forever) {
  }
}

void use_memory(std::size_t bytes) {
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory != MAP_FAILED) std::memset(memory, 1, bytes);
}

// What the files of the values say.
Facts told(const CgroupValues& values) {
  Sample sample;
  for (std::size_t i = 0; i < kSampledFiles; ++i) static_cast<void>(take_value(values, i, sample));
  return facts(sample);
}

class ValuesTest : public testing::KernelTest {
 protected:
  // Once for all: the kernel takes a second to check the program where it is emulated.
  static void SetUpTestSuite() {
    all_ = std::make_unique<Tree>(testing::open_this_machine());
    auto opened = open_cgroup_iterator(*all_);
    ASSERT_TRUE(opened.has_value()) << opened.error().sentence();
    source_ = *std::move(opened);
  }
  static void TearDownTestSuite() {
    source_.reset();
    all_.reset();
  }
  void SetUp() override { ASSERT_NE(source_, nullptr); }

  std::optional<CgroupValues> values_of(const std::string& path) {
    const auto values = source_->read();
    EXPECT_TRUE(values.has_value()) << values.error().sentence();
    if (!values) return std::nullopt;
    const CgroupId id = tree_.id_of(path).value();
    for (const CgroupValues& each : *values) {
      if (each.id == id.value) return each;
    }
    return std::nullopt;
  }
  // What is told between two reads of the files, again until all that `files` say is offered. The
  // first read makes the kernel settle pressure.
  struct Between {
    Facts before, told, after;
  };
  Between tell_between(const std::string& path, std::uint32_t files) {
    for (int i = 0; i < kTries; ++i) {
      Between found;
      found.before = facts(tree_.read_sample(path).value());
      const auto values = values_of(path);
      found.after = facts(tree_.read_sample(path).value());
      if (!values) break;
      if ((values->files & files) != files) continue;
      found.told = told(*values);
      return found;
    }
    ADD_FAILURE() << path << ": never told";
    return {};
  }
  // Nobody runs there any more: the files print the same each time.
  void expect_equal(const std::string& path) {
    for (int i = 0; i < kTries; ++i) {
      const Between found = tell_between(path, kAllValues);
      // A page of another cgroup, or a processor's last word, may still come in.
      if (found.before != found.after) continue;
      for (const auto& [key, value] : found.told) {
        const auto file = found.before.find(key);
        ASSERT_NE(file, found.before.end()) << key;
        EXPECT_EQ(value, file->second) << key;
      }
      for (const auto& [key, value] : found.before) {
        if (found.told.contains(key.substr(0, key.find('|')))) {
          EXPECT_THAT(found.told, Contains(Key(key)));
        }
      }
      EXPECT_THAT(found.told, Contains(Key("cpu.pressure|full.total")));
      return;
    }
    FAIL() << path << " is not quiet";
  }
  void end(const std::string& path) {
    need(kill_cgroup(tree_, path));
    const auto watch = EventsWatch::open(tree_, path, "cgroup.events");
    ASSERT_TRUE(wait_for(*watch, [](auto text) { return contains(text, "populated 0"); }));
  }

  static inline std::unique_ptr<Tree> all_;
  static inline std::unique_ptr<ValueSource> source_;
};

// What a sampler owns of the source of all tests.
class SharedSource final : public ValueSource {
 public:
  explicit SharedSource(ValueSource& source) : source_(source) {}
  Result<std::span<const CgroupValues>> read() override { return source_.read(); }
  [[nodiscard]] Usec longest_walk() const override { return source_.longest_walk(); }

 private:
  ValueSource& source_;
};

TEST_F(ValuesTest, AQuietCgroupIsToldAsItsFilesPrintIt) {
  write("cpu.max", "2000 10000");
  Child child(tree_, leaf_, [] {
    use_memory(4U << 20U);
    run_forever();
  });
  Sample sample;
  do {
    sample = tree_.read_sample(leaf_).value();
  } while (sample.cpu_stat->nr_throttled.value_or(0) < 2 ||
           sample.cpu_stat->throttled_usec.value_or(0) == 0 ||
           sample.cpu_pressure->some->total_usec == 0);
  end(leaf_);
  child.wait();
  expect_equal(leaf_);
  expect_equal(top_);
}

TEST_F(ValuesTest, WhatOnlyGrowsIsBetweenTwoReadsOfItsFile) {
  write("cpu.max", "5000 10000");
  Child child(tree_, leaf_, run_forever);
  Child other(tree_, leaf_, run_forever);
  for (int round = 0; round < 10; ++round) {
    for (const std::string& path : {leaf_, top_}) {
      const Between found = tell_between(path, kValuesCpuStat | kValuesMemory | kValuesPids);
      for (const auto& [key, value] : found.told) {
        const bool grows = key.starts_with("cpu.stat|") || key.starts_with("memory.events|") ||
                           key.ends_with(".total");
        if (!grows) continue;
        EXPECT_GE(std::stoull(value), std::stoull(found.before.at(key))) << path << " " << key;
        // The kernel divides the run time anew, in the ratio of its ticks.
        if (key.ends_with("|user_usec") || key.ends_with("|system_usec")) continue;
        EXPECT_LE(std::stoull(value), std::stoull(found.after.at(key))) << path << " " << key;
      }
      EXPECT_EQ(found.told.at("pids.current|"), found.before.at("pids.current|"));
      EXPECT_EQ(found.told.at("cgroup.events|populated"), "1");
    }
  }
}

TEST_F(ValuesTest, MemoryAndItsEventsAreThoseOfAnOomKill) {
  write("memory.max", "16777216");
  write("memory.swap.max", "0");
  write("memory.oom.group", "1");
  Child child(tree_, leaf_, [] {
    use_memory(64U << 20U);
    sleep_forever();
  });
  const int status = child.wait();
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  end(leaf_);
  const Between found = tell_between(leaf_, kValuesMemory);
  EXPECT_EQ(found.told.at("memory.events|oom_group_kill"), "1");
  for (const auto& [key, value] : found.told) {
    if (!key.starts_with("memory.events|")) continue;
    EXPECT_EQ(value, found.before.at(key)) << key;
  }
  expect_equal(leaf_);
}

TEST_F(ValuesTest, AFrozenCgroupIsTold) {
  Child child(tree_, leaf_, sleep_forever);
  write("cgroup.freeze", "1");
  const auto watch = EventsWatch::open(tree_, leaf_, "cgroup.events");
  ASSERT_TRUE(wait_for(*watch, [](auto text) { return contains(text, "frozen 1"); }));
  EXPECT_NE(values_of(leaf_)->frozen, 0U);
  EXPECT_NE(values_of(leaf_)->populated, 0U);
  write("cgroup.freeze", "0");
  ASSERT_TRUE(wait_for(*watch, [](auto text) { return contains(text, "frozen 0"); }));
  EXPECT_EQ(values_of(leaf_)->frozen, 0U);
}

TEST_F(ValuesTest, WithoutControllersTheirValuesAreNotOffered) {
  const std::string bare = leaf_ + "/bare";
  need(create_cgroup(tree_, bare));
  const auto values = values_of(bare);
  ASSERT_TRUE(values.has_value());
  EXPECT_EQ(values->files & (kValuesMemory | kValuesPids), 0U);
  EXPECT_EQ(values->files & kValuesEvents, std::uint32_t{kValuesEvents});
  const Facts found = told(*values);
  EXPECT_THAT(found, Contains(Key("cpu.stat|usage_usec")));
  EXPECT_THAT(found, Not(Contains(Key("cpu.stat|nr_periods"))));
  // The root is made of the machine's totals.
  EXPECT_EQ(values_of("/")->files, 0U);
}

TEST_F(ValuesTest, MoreCgroupsThanThereWasRoomForAreAllTold) {
  auto small = open_cgroup_iterator(tree_, 1);
  ASSERT_TRUE(small.has_value());
  for (int i = 0; i < 5; ++i) need(create_cgroup(tree_, leaf_ + "/" + std::to_string(i)));
  std::set<std::uint64_t> expected;
  const Snapshot snapshot = tree_.read_snapshot(TimePoint{});
  for (const Sample& sample : snapshot.samples()) {
    expected.insert(sample.id.value);
  }
  const auto values_then = (*small)->read();
  ASSERT_TRUE(values_then.has_value());
  std::set<std::uint64_t> found;
  for (const CgroupValues& values : *values_then) found.insert(values.id);
  EXPECT_EQ(found, expected);
  EXPECT_EQ(values_then->size(), expected.size()) << "nobody is told twice";
}

// No launch waits for the end of all of them.
TEST_F(ValuesTest, AWalkThatIsCutOffIsGoneOnWith) {
  for (int i = 0; i < 50; ++i) need(create_cgroup(tree_, leaf_ + "/" + std::to_string(i)));
  std::vector<std::uint64_t> expected;
  const Snapshot snapshot = tree_.read_snapshot(TimePoint{});
  for (const Sample& sample : snapshot.samples()) expected.push_back(sample.id.value);
  auto brief = open_cgroup_iterator(tree_, 20, limits::kCgroupsWatched, Usec{0});
  ASSERT_TRUE(brief.has_value());
  for (int read = 0; read < 2; ++read) {
    const auto values = (*brief)->read();
    ASSERT_TRUE(values.has_value());
    std::vector<std::uint64_t> found;
    for (const CgroupValues& each : *values) {
      found.push_back(each.id);
      // The root is made of the machine's totals.
      EXPECT_TRUE(each.id == 1 || (each.files & kValuesCpuStat) != 0);
    }
    EXPECT_THAT(found, UnorderedElementsAreArray(expected));
    EXPECT_GT((*brief)->longest_walk(), Usec{0});
  }
}

// To make room is a load, for which not everybody may wait.
TEST_F(ValuesTest, NoMoreCgroupsAreToldThanThereMayBeRoomFor) {
  for (int i = 0; i < 5; ++i) need(create_cgroup(tree_, leaf_ + "/" + std::to_string(i)));
  auto small = open_cgroup_iterator(tree_, 1, 3);
  ASSERT_TRUE(small.has_value());
  for (int walk = 0; walk < 2; ++walk) EXPECT_EQ((*small)->read()->size(), 3U);
}

TEST_F(ValuesTest, ARemovedCgroupIsNotTold) {
  const std::string path = leaf_ + "/brief";
  need(create_cgroup(tree_, path));
  const CgroupId id = tree_.id_of(path).value();
  ASSERT_TRUE(values_of(path).has_value());
  need(remove_cgroup(tree_, path));
  for (const CgroupValues& values : *source_->read()) EXPECT_NE(values.id, id.value);
}

TEST_F(ValuesTest, ASamplerSaysTheSameWithThem) {
  Child child(tree_, leaf_, sleep_forever);
  need(create_cgroup(tree_, top_ + "/empty"));
  KernelFiles files;
  Sampler reading(tree_, {}, files);
  Sampler told_to(tree_, {}, files);
  told_to.set_source(std::make_unique<SharedSource>(*source_));
  const auto now = [](int second) {
    return TimePoint{Usec{static_cast<std::uint64_t>(100 + second) * 1'000'000}, Usec{0}};
  };
  reading.rescan(now(0));
  told_to.rescan(now(0));
  for (int second = 1; second <= kTries; ++second) {
    const auto before = reading.tick(now(second));
    const auto told = told_to.tick(now(second));
    ASSERT_EQ(told->samples().size(), before->samples().size());
    if (facts(*before->find(leaf_)) != facts(*reading.tick(now(second))->find(leaf_))) continue;
    for (const std::string& path : {leaf_, top_ + "/empty"}) {
      EXPECT_EQ(facts(*told->find(path)), facts(*before->find(path))) << path;
      EXPECT_THAT(told->find(path)->unreadable, IsEmpty());
    }
    return;
  }
  FAIL() << "never quiet";
}

}  // namespace
}  // namespace cgwarden::cgroup
