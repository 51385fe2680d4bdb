// Loops that decide between two ticks, and the enforcer, on a fixture tree and a clock that a test
// moves: what is written, and what is told as drift.
#include <gmock/gmock.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/adaptation.h"
#include "agent/enforcer.h"
#include "exporters/self_metrics.h"
#include "tests/policy/loading.h"
#include "tests/temporary_directory.h"

namespace cgwarden::agent {
namespace {

using policy::Policy;
using policy::testing::policy_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class MovedClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override { return {at, at}; }
  Usec at{1'000'000'000};
};

class EnforceBetweenTest : public ::testing::Test {
 protected:
  EnforceBetweenTest() {
    std::filesystem::create_directories(directory_.path() + "/tree/a");
    std::filesystem::create_directories(directory_.path() + "/state");
    tree_ = *cgroup::Tree::open(directory_.path() + "/tree", false);
    has("10000");
    runs(0, 0);
  }
  void begin(const std::string& policy, const policy::Enforcement& enforcement = {}) {
    given_ = {policy_of("web", "/a", policy)};
    enforcer_.emplace(
        *tree_, metrics_, false,
        PolicyListener{[this](const auto& change) { wrote_.push_back(change.text); },
                       [this](const auto& change) { drifted_.push_back(change.text); }});
    enforcer_->open({.loop = loop_.get(),
                     .clock = &clock_,
                     .state_dir = directory_.path() + "/state",
                     .boot_id = "boot",
                     .enforcement = enforcement,
                     .bus = false});
    tick();
  }
  void write(const std::string& file, const std::string& text) const {
    std::ofstream(directory_.path() + "/tree/a/" + file) << text;
  }
  [[nodiscard]] std::string quota() const {
    std::ifstream file(directory_.path() + "/tree/a/cpu.max");
    std::string line;
    std::getline(file, line);
    return line.substr(0, line.find(' '));
  }
  // Somebody writes this quota, and a burst of the same size.
  void has(const std::string& quota) const {
    write("cpu.max", quota + " 100000\n");
    write("cpu.max.burst", (quota == "max" ? "0" : quota) + "\n");
  }
  // One period.
  void runs(unsigned long usage, unsigned throttled) {
    usage_ += usage;
    periods_ += 1;
    throttled_ += throttled > 0 ? 1 : 0;
    throttled_usec_ += throttled;
    write("cpu.stat", "usage_usec " + std::to_string(usage_) +
                          "\nuser_usec 0\nsystem_usec 0\nnr_periods " + std::to_string(periods_) +
                          "\nnr_throttled " + std::to_string(throttled_) + "\nthrottled_usec " +
                          std::to_string(throttled_usec_) + "\nnr_bursts 0\nburst_usec 0\n");
  }
  void pass(unsigned milliseconds) { clock_.at += Usec{milliseconds * 1000UL}; }
  [[nodiscard]] cgroup::Snapshot snapshot() const {
    return {clock_.now(), {*tree_->read_sample("/a")}};
  }
  void tick() { tick_of(snapshot()); }
  // The end of a tick that began with this one.
  void tick_of(const cgroup::Snapshot& snapshot) {
    policies_ = given_;
    (void)adaptation_.tick(snapshot, policies_);
    enforcer_->enforce(snapshot, policies_);
  }
  void look() {
    const auto sample = *tree_->read_sample("/a");
    const std::array<Adaptation::CpuLook, 1> looks{{{&sample, clock_.now()}}};
    std::vector<CgroupId> ids;
    for (const auto& decision : adaptation_.look(looks, policies_)) {
      if (!decision.change.empty()) ids.push_back(decision.id);
    }
    if (!ids.empty()) enforcer_->enforce_decided(ids, {clock_.now(), {sample}}, policies_);
  }
  // Ten looks a second, of which the last is a tick after `ticks` of them.
  void goes_on(unsigned looks, unsigned ticks, unsigned long usage, unsigned throttled) {
    for (unsigned i = 1; i <= looks; ++i) {
      pass(100);
      runs(usage, throttled);
      if (i % ticks == 0) {
        tick();
      } else {
        look();
      }
    }
  }

  TemporaryDirectory directory_;
  std::optional<cgroup::Tree> tree_;
  std::unique_ptr<EventLoop> loop_ = *EventLoop::create();
  MovedClock clock_;
  exporters::SelfMetrics metrics_;
  Adaptation adaptation_{
      {.owner_of = [](std::string_view) { return policy::Access{}; },
       .facts = {.cpus = 2, .swap = Bytes{0}},
       .memory_stat = [](const std::string&) { return std::optional<cgroup::MemoryStat>(); },
       .swap_current = [](const std::string&) { return std::optional(Bytes{0}); },
       .kill_preference = [](const std::string&,
                             const std::string&) { return policy::adapt::KillPreference::none; }}};
  std::optional<Enforcer> enforcer_;
  std::vector<Policy> given_;
  std::vector<Policy> policies_;
  std::vector<std::string> wrote_;
  std::vector<std::string> drifted_;
  unsigned long usage_ = 0;
  unsigned periods_ = 0;
  unsigned throttled_ = 0;
  unsigned throttled_usec_ = 0;
};

constexpr const char* kLoop = "adapt: {cpu: {floor: 50m, ceiling: 200m}}\n";

TEST_F(EnforceBetweenTest, ABacklogIsWrittenBeforeTheTickAndIsNoDriftAtIt) {
  begin(kLoop);
  EXPECT_THAT(wrote_, IsEmpty());
  pass(100);
  runs(10'000, 90'000);
  look();
  EXPECT_EQ(wrote_.size(), 2U) << "quota and burst";
  EXPECT_THAT(wrote_.front(), HasSubstr("policy web wrote cpu.max: 10000 100000 -> "));
  const std::string raised = quota();
  EXPECT_GT(std::stoi(raised), 10'000);
  goes_on(9, 9, std::stoul(raised), 0);
  goes_on(10, 10, std::stoul(raised), 0);
  EXPECT_EQ(quota(), raised);
  EXPECT_THAT(drifted_, IsEmpty());
  // It has again what it had.
  given_.clear();
  tick();
  EXPECT_EQ(quota(), "10000");
}

TEST_F(EnforceBetweenTest, WhatSomebodyElseWritesIsDriftAlsoOfAValueOfALook) {
  begin(kLoop);
  pass(100);
  runs(10'000, 90'000);
  look();
  has("10000");
  pass(900);
  tick();
  EXPECT_EQ(drifted_.size(), 2U) << "quota and burst";
  EXPECT_GT(std::stoi(quota()), 10'000);
}

TEST_F(EnforceBetweenTest, ASnapshotOfBeforeALookIsNotTakenForDrift) {
  begin(std::string("drift: report\n") + kLoop);
  pass(1000);
  const auto old = snapshot();
  pass(50);
  runs(10'000, 90'000);
  look();
  const std::string raised = quota();
  EXPECT_GT(std::stoi(raised), 10'000);
  tick_of(old);
  EXPECT_THAT(drifted_, IsEmpty());
  goes_on(10, 10, std::stoul(raised), 0);
  EXPECT_EQ(quota(), raised);
  EXPECT_THAT(drifted_, IsEmpty());
}

// It wants its ceiling all the time, which somebody else has lifted.
TEST_F(EnforceBetweenTest, DriftThatIsOnlyReportedIsLeftAloneByLooksToo) {
  begin(std::string("drift: report\n") + kLoop);
  goes_on(40, 10, 10'000, 90'000);
  ASSERT_EQ(quota(), "20000");
  has("max");
  wrote_.clear();
  goes_on(400, 10, 10'000, 0);
  EXPECT_EQ(quota(), "max");
  EXPECT_THAT(wrote_, IsEmpty());
}

TEST_F(EnforceBetweenTest, AForeignQuotaIsRepairedHoweverLongATickIs) {
  begin(kLoop);
  pass(100);
  runs(1'000, 0);
  look();
  has("5000");
  goes_on(400, 400, 400, 0);
  EXPECT_EQ(quota(), "10000");
  EXPECT_THAT(drifted_, ElementsAre(HasSubstr("cpu.max"), HasSubstr("cpu.max.burst")));
}

// Lowered by one look; the raise back by another one has no write left in the budget.
class DeferredBetweenTest : public EnforceBetweenTest,
                            public ::testing::WithParamInterface<const char*> {};

TEST_P(DeferredBetweenTest, AnOwnWriteThatIsDeferredIsNobodysDrift) {
  has("20000");
  policy::Enforcement enforcement;
  enforcement.cgroup_writes_per_minute = 2;
  begin(GetParam() + std::string(kLoop), enforcement);
  for (int i = 0; i < 100 && wrote_.empty(); ++i) goes_on(1, 2, 1'000, 0);
  ASSERT_FALSE(wrote_.empty());
  goes_on(48, 100, 10'000, 90'000);
  tick();
  EXPECT_THAT(drifted_, IsEmpty());
}
INSTANTIATE_TEST_SUITE_P(, DeferredBetweenTest, ::testing::Values("", "drift: report\n"));

class ReloadInATickTest : public EnforceBetweenTest {
 protected:
  // Reloaded between a look that has written and the end of a tick that began before it.
  void reloads_to(const std::string& policy) {
    begin(kLoop);
    pass(100);
    runs(1'000, 0);
    look();
    pass(900);
    const auto old = snapshot();
    pass(50);
    runs(10'000, 90'000);
    look();
    ASSERT_NE(quota(), "10000");
    given_ = {policy_of("web", "/a", policy)};
    pass(50);
    tick_of(old);
  }
};

TEST_F(ReloadInATickTest, AFixedQuotaTakesItsPlace) {
  reloads_to("drift: report\ncpu: {max: 100m, burst: 10ms}\n");
  for (int i = 0; i < 3; ++i) {
    pass(1000);
    tick();
  }
  EXPECT_EQ(quota(), "10000");
  EXPECT_THAT(drifted_, IsEmpty());
}

TEST_F(ReloadInATickTest, OtherBoundsAreTakenOver) {
  reloads_to("adapt: {cpu: {floor: 50m, ceiling: 110m}}\n");
  goes_on(50, 10, 10'000, 90'000);
  EXPECT_EQ(quota(), "11000");
  EXPECT_THAT(drifted_, IsEmpty());
}

}  // namespace
}  // namespace cgwarden::agent
