// What the enforcer gives back, on a fixture tree: of memory, and of the devices of io knobs.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/enforcer.h"
#include "base/text.h"
#include "exporters/self_metrics.h"
#include "tests/policy/loading.h"
#include "tests/temporary_directory.h"

namespace cgwarden::agent {
namespace {

using policy::testing::policy_of;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class FixedClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override { return {at, at}; }
  Usec at{1'000'000'000};
};

class EnforceOriginalsTest : public ::testing::Test {
 protected:
  EnforceOriginalsTest() {
    std::filesystem::create_directories(directory_.path() + "/tree/a");
    std::filesystem::create_directories(directory_.path() + "/state");
    tree_ = *cgroup::Tree::open(directory_.path() + "/tree", false);
    start();
  }
  // An agent, after the one that there was.
  void start() {
    enforcer_.emplace(
        *tree_, metrics_, false,
        PolicyListener{[this](const auto& change) {
                         wrote_.push_back(change.text);
                         if (waits_) loop_->stop();
                       },
                       [this](const auto& change) { drifted_.push_back(change.text); }});
    enforcer_->open({.loop = loop_.get(),
                     .clock = &clock_,
                     .state_dir = directory_.path() + "/state",
                     .boot_id = "boot",
                     .bus = false});
  }
  void write(const std::string& file, const std::string& text) const {
    std::ofstream(directory_.path() + "/tree/a/" + file) << text << (text.empty() ? "" : "\n");
  }
  [[nodiscard]] std::string read(const std::string& file) const {
    return std::string(trim(*tree_->read("/a", file)));
  }
  void wants(const std::string& policy) {
    given_ = {policy_of("web", "/a", policy)};
    tick();
  }
  void wants_nothing() {
    given_.clear();
    tick();
  }
  // Until something is written.
  void wait() {
    waits_ = true;
    ASSERT_TRUE(loop_->run());
  }
  void tick() {
    clock_.at += Usec{1'000'000};
    enforcer_->enforce({clock_.now(), {*tree_->read_sample("/a", cgroup::FileGroups::all())}},
                       given_);
  }
  [[nodiscard]] OriginalJournal journal() const {
    return *OriginalJournal::open(directory_.path() + "/state", "boot");
  }

  TemporaryDirectory directory_;
  std::optional<cgroup::Tree> tree_;
  std::unique_ptr<EventLoop> loop_ = *EventLoop::create();
  FixedClock clock_;
  exporters::SelfMetrics metrics_;
  std::optional<Enforcer> enforcer_;
  std::vector<policy::Policy> given_;
  std::vector<std::string> wrote_;
  std::vector<std::string> drifted_;
  bool waits_ = false;
};

constexpr const char* kUsed = "524288000";
constexpr const char* kHad = "209715200";
constexpr const char* kGiven = "1073741824";

class GivesMemoryBackTest : public EnforceOriginalsTest {
 protected:
  GivesMemoryBackTest() {
    write("memory.current", kUsed);
    write("memory.high", "max");
    write("memory.max", kHad);
    write("memory.reclaim", "");
  }
};

TEST_F(GivesMemoryBackTest, ALowerLimitWaitsUntilWhatIsUsedFits) {
  wants("memory: {max: 1GiB}\n");
  ASSERT_EQ(read("memory.max"), kGiven);
  wants_nothing();
  EXPECT_EQ(read("memory.max"), kGiven);
  // Whoever kills this agent now has memory.high given back by the next one.
  const auto while_it_shrinks = journal();
  const auto* high = while_it_shrinks.find({*tree_->id_of("/a"), "memory.high"});
  ASSERT_NE(high, nullptr);
  EXPECT_EQ(high->original, "max");
  EXPECT_EQ(high->ours, kHad);
  write("memory.current", kHad);
  wait();
  EXPECT_EQ(read("memory.max"), kHad);
  EXPECT_EQ(read("memory.high"), "max");
  EXPECT_THAT(wrote_, Contains(HasSubstr("it has again what it had: 1073741824 -> 209715200")));
  tick();
  EXPECT_THAT(journal().all(), IsEmpty());
}

TEST_F(GivesMemoryBackTest, WhatFitsIsGivenBackAtOnce) {
  write("memory.current", "4096");
  wants("memory: {max: 1GiB, high: 900MiB}\n");
  wants_nothing();
  EXPECT_EQ(read("memory.max"), kHad);
  EXPECT_EQ(read("memory.high"), "max");
}

TEST_F(GivesMemoryBackTest, WhatThePolicyLetKillIsGivenBackAtOnce) {
  wants("allowOom: true\nmemory: {max: 1GiB}\n");
  wants_nothing();
  EXPECT_EQ(read("memory.max"), kHad);
}

// Its write blocks while the kernel reclaims.
TEST_F(GivesMemoryBackTest, ALowerHighIsNotWrittenOnTheLoop) {
  write("memory.max", "max");
  write("memory.high", kHad);
  wants("memory: {high: 1GiB}\n");
  ASSERT_EQ(read("memory.high"), kGiven);
  wrote_.clear();
  wants_nothing();
  EXPECT_THAT(wrote_, IsEmpty());
  wait();
  EXPECT_EQ(read("memory.high"), kHad);
}

TEST_F(GivesMemoryBackTest, WhoWaitsMakesRoomFirstToo) {
  wants("memory: {max: 1GiB}\n");
  policy::Original entry = journal().all().begin()->second;
  const auto refused = restore_original(*tree_, entry, Usec{0});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().sentence(), HasSubstr("500.0 MiB are in use"));
  EXPECT_THAT(refused.error().sentence(), HasSubstr("nothing was killed"));
  EXPECT_EQ(read("memory.max"), kGiven);
  EXPECT_EQ(read("memory.high"), "max");
  entry.allow_oom = true;
  ASSERT_TRUE(restore_original(*tree_, entry, Usec{0}));
  EXPECT_EQ(read("memory.max"), kHad);
}

// The entry of memory.high is of the value that the policy wants there.
TEST_F(GivesMemoryBackTest, APolicyOfBothLimitsGivesBothBack) {
  write("memory.max", "max");
  wants("memory: {max: 200MiB, high: 100MiB}\n");
  const auto noted = journal();
  const auto* high = noted.find({*tree_->id_of("/a"), "memory.high"});
  ASSERT_NE(high, nullptr);
  EXPECT_EQ(high->original, "max");
  EXPECT_EQ(high->ours, "104857600");
}

// An ordinary file has what was written last; the kernel changes what was written of a device.
class GivesDevicesBackTest : public EnforceOriginalsTest {
 protected:
  GivesDevicesBackTest() {
    write("io.max", "");
    write("io.latency", "");
  }
};

TEST_F(GivesDevicesBackTest, WhatAPolicyNoLongerNames) {
  write("io.max", "8:0 rbps=5242880 wbps=max riops=max wiops=max");
  wants("io: {max: {'8:0': {rbps: 1048576}}}\n");
  EXPECT_EQ(read("io.max"), "8:0 rbps=1048576");
  write("io.max", "8:0 rbps=1048576 wbps=max riops=max wiops=max");
  wrote_.clear();
  wants("io: {max: {'254:0': {wbps: 2097152}}}\n");
  EXPECT_THAT(wrote_, SizeIs(1));
  EXPECT_EQ(read("io.max"), "8:0 rbps=5242880");
  write("io.max",
        "8:0 rbps=5242880 wbps=max riops=max wiops=max\n"
        "254:0 rbps=max wbps=2097152 riops=max wiops=max");
  wrote_.clear();
  start();
  tick();
  EXPECT_THAT(wrote_, IsEmpty());
  wants_nothing();
  EXPECT_EQ(read("io.max"), "254:0 wbps=max");
  EXPECT_THAT(drifted_, IsEmpty());
  EXPECT_THAT(journal().all(), IsEmpty());
}

TEST_F(GivesDevicesBackTest, AnotherKeyOfADevice) {
  wants("io: {max: {'8:0': {rbps: 1048576}}}\n");
  write("io.max", "8:0 rbps=1048576 wbps=max riops=max wiops=max");
  wants("io: {max: {'8:0': {wbps: 2097152}}}\n");
  EXPECT_EQ(read("io.max"), "8:0 rbps=max wbps=2097152");
}

// The value that the policy keeps is in force already.
TEST_F(GivesDevicesBackTest, OneOfTwo) {
  wants("io: {latency: {'8:0': 10ms, '254:0': 20ms}}\n");
  write("io.latency", "8:0 target=10000\n254:0 target=20000");
  wrote_.clear();
  wants("io: {latency: {'254:0': 20ms}}\n");
  EXPECT_THAT(wrote_, SizeIs(1));
  EXPECT_EQ(read("io.latency"), "8:0 target=0");
}

TEST_F(GivesDevicesBackTest, WhatSomebodyElseHasChangedIsTheirsDeviceByDevice) {
  wants("io: {max: {'8:0': {rbps: 1048576}, '254:0': {rbps: 1048576}}}\n");
  write("io.max",
        "8:0 rbps=7340032 wbps=max riops=max wiops=max\n"
        "254:0 rbps=1048576 wbps=max riops=max wiops=max");
  wrote_.clear();
  wants_nothing();
  EXPECT_THAT(wrote_, ElementsAre(HasSubstr("254:0 rbps=1048576 -> 254:0 rbps=max")));
  EXPECT_EQ(read("io.max"), "254:0 rbps=max");
  EXPECT_THAT(journal().all(), IsEmpty());
}

// Found by the next agent too.
TEST_F(GivesDevicesBackTest, DriftOfTheDeviceThatIsLeft) {
  wants("io: {max: {'8:0': {rbps: 1048576}}}\n");
  write("io.max", "8:0 rbps=1048576 wbps=max riops=max wiops=max");
  wants("io: {max: {'254:0': {wbps: 2097152}}}\n");
  write("io.max", "254:0 rbps=max wbps=9437184 riops=max wiops=max");
  start();
  tick();
  EXPECT_EQ(read("io.max"), "254:0 wbps=2097152");
}

}  // namespace
}  // namespace cgwarden::agent
