#include "policy/adapt/cpu_controller.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <vector>

#include "policy/simulation/bandwidth_pool.h"

namespace cgwarden::policy::adapt {
namespace {

using simulation::CpuSetting;

constexpr Usec kTick{100'000};

CpuSetting quota_of_cores(double value) {
  const Usec quota{static_cast<std::uint64_t>(value * 100'000)};
  return {{quota, Usec{100'000}}, quota};
}

CpuTargets targets_up_to(double ceiling) {
  CpuTargets targets;
  targets.ceiling_cores = ceiling;
  return targets;
}

// A cgroup that wants `cpus` CPUs in each tick, under the controller's quota.
class Cgroup {
 public:
  explicit Cgroup(const CpuTargets& targets, const CpuSetting& now)
      : controller_(targets, now), pool_(controller_.setting()) {}

  CpuDecision tick(double cpus, std::optional<double> node_busy = {}) {
    now_ += kTick;
    const double wanted = cpus * 100'000 + backlog_;
    const double ran = pool_.take(wanted);
    backlog_ = wanted - ran;
    CpuInputs inputs;
    inputs.now = now_;
    inputs.length = kTick;
    inputs.usage = Usec{static_cast<std::uint64_t>(ran)};
    inputs.periods = wanted > 0 ? 1 : 0;
    inputs.throttled = backlog_ > 0.5 ? 1 : 0;
    inputs.throttled_time = Usec{static_cast<std::uint64_t>(backlog_)};
    inputs.node_busy = node_busy;
    const CpuDecision decision = controller_.tick(inputs);
    pool_.refill();
    if (decision.write) {
      pool_.write(*decision.write);
      writes_.push_back(now_);
    }
    return decision;
  }
  [[nodiscard]] const std::vector<Usec>& writes() const { return writes_; }
  [[nodiscard]] double backlog() const { return backlog_; }
  [[nodiscard]] double limit() const { return simulation::cores(controller_.setting()); }

 private:
  CpuController controller_;
  simulation::BandwidthPool pool_;
  Usec now_{1'000'000};
  double backlog_ = 0;
  std::vector<Usec> writes_;
};

TEST(CpuControllerTest, ALowSteadyLoadIsReservedAndLittleMore) {
  Cgroup cgroup(targets_up_to(4), quota_of_cores(4));
  for (int i = 0; i < 300; ++i) (void)cgroup.tick(0.5);
  EXPECT_GE(cgroup.limit(), 0.475);  // two seconds of it and a burst
  EXPECT_LE(cgroup.limit(), 0.6);
}

// Ten periods in a tick: what the target puts up with is no row of throttled periods.
TEST(CpuControllerTest, InTicksOfASecondALittleThrottlingIsNoBacklog) {
  CpuController controller(targets_up_to(4), quota_of_cores(0.2));
  Usec now{0};
  const auto tick = [&](std::uint64_t throttled) {
    now += Usec{1'000'000};
    CpuInputs inputs;
    inputs.now = now;
    inputs.length = Usec{1'000'000};
    inputs.usage = Usec{190'000};
    inputs.periods = 10;
    inputs.throttled = throttled;
    inputs.throttled_time = Usec{10'000 * throttled};
    return controller.tick(inputs);
  };
  for (int i = 0; i < 20; ++i) EXPECT_NE(tick(1).reason, CpuReason::backlog);
  // Most of them are one, in the first such tick.
  const CpuDecision decision = tick(9);
  EXPECT_EQ(decision.reason, CpuReason::backlog);
  EXPECT_TRUE(decision.write);
}

TEST(CpuControllerTest, LoweringIsByHalfAtMostAndSaysWhy) {
  Cgroup cgroup(targets_up_to(4), quota_of_cores(4));
  CpuDecision decision;
  for (int i = 0; i < 10; ++i) decision = cgroup.tick(0.1);
  ASSERT_TRUE(decision.write);
  EXPECT_EQ(decision.reason, CpuReason::unused);
  EXPECT_EQ(decision.before_cores, 4);
  EXPECT_EQ(decision.after_cores, 2);
  EXPECT_EQ(decision.write->burst, std::get<Usec>(decision.write->max.quota));
}

TEST(CpuControllerTest, ABacklogRaisesWithinThreeTicksAndAllTheWayInASecond) {
  Cgroup cgroup(targets_up_to(4), quota_of_cores(0.3));
  for (int i = 0; i < 100; ++i) (void)cgroup.tick(0.25);
  int ticks = 0;
  CpuDecision decision;
  do {
    decision = cgroup.tick(2);
    ++ticks;
  } while (!decision.write && ticks < 20);
  EXPECT_EQ(decision.reason, CpuReason::backlog);
  EXPECT_LE(ticks, 3);
  for (int i = 0; i < 12; ++i) (void)cgroup.tick(2);
  EXPECT_GE(cgroup.limit(), 2);
}

// The write refills the pool, which serves what came together; a load comes again.
TEST(CpuControllerTest, OneThrottledPeriodRaisesALittle) {
  Cgroup cgroup(targets_up_to(4), quota_of_cores(0.3));
  for (int i = 0; i < 100; ++i) (void)cgroup.tick(0.25);
  const double before = cgroup.limit();
  const CpuDecision decision = cgroup.tick(3);
  ASSERT_TRUE(decision.write);
  EXPECT_EQ(decision.reason, CpuReason::backlog);
  EXPECT_GT(cgroup.limit(), before);
  EXPECT_LT(cgroup.limit(), 2 * before);
}

TEST(CpuControllerTest, WhatABacklogNeededIsHeldAndThenForgotten) {
  CpuTargets targets = targets_up_to(4);
  targets.hold = Usec{20'000'000};
  Cgroup cgroup(targets, quota_of_cores(0.3));
  for (int i = 0; i < 50; ++i) (void)cgroup.tick(2);
  for (int i = 0; i < 100; ++i) (void)cgroup.tick(0.1);
  EXPECT_GT(cgroup.limit(), 1);
  for (int i = 0; i < 1500; ++i) (void)cgroup.tick(0.1);
  EXPECT_LT(cgroup.limit(), 0.3);
}

TEST(CpuControllerTest, ALoweringThatHurtsIsRolledBack) {
  CpuTargets targets = targets_up_to(4);
  targets.throttled_ratio = 0.02;
  targets.hold = Usec{0};
  CpuController controller(targets, quota_of_cores(2));
  CpuInputs inputs;
  inputs.length = kTick;
  inputs.now = Usec{1'000'000};
  inputs.periods = 1;
  CpuDecision decision;
  inputs.usage = Usec{20'000};
  do {
    inputs.now += kTick;
    decision = controller.tick(inputs);
  } while (!decision.write);
  EXPECT_EQ(decision.reason, CpuReason::unused);
  const double lowered = decision.after_cores;
  // Every other period is throttled: no backlog, but more than was asked for.
  for (int i = 0; i < 20; ++i) {
    inputs.now += kTick;
    inputs.throttled = i % 2 == 0 ? 1 : 0;
    decision = controller.tick(inputs);
    if (decision.write) break;
  }
  EXPECT_EQ(decision.reason, CpuReason::rolled_back);
  EXPECT_DOUBLE_EQ(decision.after_cores, 2 * 2 - lowered);
}

TEST(CpuControllerTest, NeverOutsideFloorAndCeiling) {
  CpuTargets targets = targets_up_to(1.5);
  targets.floor_cores = 0.2;
  Cgroup cgroup(targets, CpuSetting{});
  EXPECT_EQ(cgroup.limit(), 1.5);
  for (int i = 0; i < 300; ++i) (void)cgroup.tick(0);
  EXPECT_NEAR(cgroup.limit(), 0.2, 1e-9);
  CpuDecision decision;
  for (int i = 0; i < 300; ++i) decision = cgroup.tick(3);
  EXPECT_EQ(cgroup.limit(), 1.5);
  EXPECT_FALSE(decision.write);
  EXPECT_EQ(decision.reason, CpuReason::at_ceiling);
}

TEST(CpuControllerTest, ABusyNodeGivesNothing) {
  Cgroup cgroup(targets_up_to(4), quota_of_cores(0.3));
  CpuDecision decision;
  for (int i = 0; i < 50; ++i) decision = cgroup.tick(2, 0.99);
  EXPECT_EQ(decision.reason, CpuReason::node_busy);
  EXPECT_TRUE(cgroup.writes().empty());
  for (int i = 0; i < 3; ++i) decision = cgroup.tick(2, 0.5);
  EXPECT_GT(cgroup.limit(), 0.3);
}

TEST(CpuControllerTest, ATickWithoutTimeDecidesNothing) {
  CpuController controller(targets_up_to(4), quota_of_cores(1));
  EXPECT_FALSE(controller.tick(CpuInputs{}).write);
}

TEST(CpuControllerTest, TheSameTraceGivesTheSameDecisions) {
  std::vector<std::vector<Usec>> runs;
  for (int run = 0; run < 2; ++run) {
    std::mt19937 random(7);
    Cgroup cgroup(targets_up_to(4), quota_of_cores(4));
    for (int i = 0; i < 2000; ++i) (void)cgroup.tick(random() % 10 == 0 ? 1.5 : 0.2);
    runs.push_back(cgroup.writes());
  }
  EXPECT_FALSE(runs[0].empty());
  EXPECT_EQ(runs[0], runs[1]);
}

TEST(CpuControllerPropertyTest, OneWriteASecondNeverTheSameValueAndAlwaysOneTheKernelTakes) {
  std::size_t writes = 0;
  for (std::uint32_t seed = 0; seed < 20; ++seed) {
    std::mt19937 random(seed);
    CpuTargets targets = targets_up_to(0.5 + static_cast<double>(random() % 4));
    targets.throttled_ratio = static_cast<double>(random() % 30) / 100;
    Cgroup cgroup(targets, CpuSetting{});
    std::optional<CpuSetting> last;
    double load = 0.2;
    for (int i = 0; i < 3000; ++i) {
      if (random() % 40 == 0) load = static_cast<double>(random() % 300) / 100;
      const auto decision = cgroup.tick(random() % 4 == 0 ? load * 2 : load / 2);
      if (!decision.write) continue;
      EXPECT_NE(decision.write, last);
      last = decision.write;
      const Usec quota = std::get<Usec>(decision.write->max.quota);
      EXPECT_GE(quota, Usec{1000});
      EXPECT_LE(decision.write->burst, quota);
      EXPECT_LE(simulation::cores(*decision.write), targets.ceiling_cores + 1e-9);
    }
    writes += cgroup.writes().size();
    for (std::size_t i = 1; i < cgroup.writes().size(); ++i) {
      EXPECT_GE(cgroup.writes()[i] - cgroup.writes()[i - 1], Usec{1'000'000}) << seed;
    }
  }
  EXPECT_GT(writes, 20U);
}

TEST(CpuControllerPropertyTest, NoLoadThatFitsIsLeftWithABacklog) {
  for (std::uint32_t seed = 0; seed < 20; ++seed) {
    std::mt19937 random(seed);
    Cgroup cgroup(targets_up_to(4), quota_of_cores(0.1));
    const double load = 0.1 + static_cast<double>(random() % 300) / 100;
    for (int i = 0; i < 600; ++i) (void)cgroup.tick(load);
    EXPECT_LT(cgroup.backlog(), 100'000) << load;
  }
}

// throttled_usec grows at the end of a period, by all of it: two ends may fall into one look.
TEST(CpuController, OneThreadNeverNeedsMoreThanOneCpu) {
  for (const auto [length, throttled, usage, withheld] :
       {std::array{100'000U, 2U, 20'000U, 160'000U}, std::array{55'000U, 1U, 10'000U, 90'000U}}) {
    CpuController controller(targets_up_to(4), quota_of_cores(0.1));
    CpuInputs inputs;
    inputs.now = Usec{10'000'000};
    inputs.length = kTick;
    inputs.usage = Usec{10'000};
    inputs.periods = 1;
    (void)controller.tick(inputs);
    inputs.now += Usec{length};
    inputs.length = Usec{length};
    inputs.usage = Usec{usage};
    inputs.periods = inputs.throttled = throttled;
    inputs.throttled_time = Usec{withheld};
    const auto decision = controller.tick(inputs);
    EXPECT_EQ(decision.reason, CpuReason::backlog);
    EXPECT_LE(decision.after_cores, 1.0) << length;
  }
}

// The kernel adds to throttled_usec when a run queue goes on: one that is held still has added
// nothing, and wants a CPU all the same.
TEST(CpuController, WhatIsHeldStillIsWanted) {
  CpuController controller(targets_up_to(4), quota_of_cores(0.02));
  CpuInputs inputs;
  inputs.now = Usec{10'000'000};
  inputs.length = kTick;
  inputs.usage = Usec{2'000};
  inputs.periods = inputs.throttled = 1;
  (void)controller.tick(inputs);
  inputs.now += Usec{1'000'000};
  EXPECT_EQ(controller.tick(inputs).after_cores, 1.0);
}

TEST(CpuController, WhatItBeginsWithIsAWriteToo) {
  CpuController controller(targets_up_to(4), quota_of_cores(0.1), Usec{10'000'000});
  CpuInputs inputs;
  inputs.now = Usec{10'100'000};
  inputs.length = kTick;
  inputs.usage = Usec{10'000};
  inputs.periods = inputs.throttled = 1;
  inputs.throttled_time = Usec{90'000};
  EXPECT_EQ(controller.tick(inputs).reason, CpuReason::waiting);
  inputs.now = Usec{11'000'000};
  EXPECT_EQ(controller.tick(inputs).reason, CpuReason::backlog);
}

}  // namespace
}  // namespace cgwarden::policy::adapt
