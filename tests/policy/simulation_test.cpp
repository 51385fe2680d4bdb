// The bandwidth model of kernel/sched/fair.c, replays of recorded usage, recommendations.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "policy/simulation/bandwidth_pool.h"
#include "policy/simulation/recommend.h"

namespace cgwarden::policy::simulation {
namespace {

constexpr double kMs = 1000;
constexpr Usec kPeriod{100000};

CpuSetting setting(std::uint64_t quota_ms, std::uint64_t burst_ms = 0, Usec period = kPeriod) {
  return {{Usec{quota_ms * 1000}, period}, Usec{burst_ms * 1000}};
}

double work_of(const std::vector<Demand>& demand) {
  double work = 0;
  for (const Demand& piece : demand) work += piece.usec * piece.cpus;
  return work;
}

TEST(BandwidthPoolTest, RefillsWhileIdleUpToQuotaAndBurst) {
  BandwidthPool pool(setting(50, 20));
  EXPECT_EQ(pool.runtime(), 50 * kMs);
  pool.refill();
  pool.refill();
  EXPECT_EQ(pool.runtime(), 70 * kMs);
  EXPECT_EQ(pool.take(60 * kMs), 60 * kMs);
  pool.refill();
  EXPECT_EQ(pool.runtime(), 60 * kMs);
  EXPECT_EQ(pool.take(100 * kMs), 60 * kMs);
  EXPECT_EQ(pool.take(1), 0);
}

TEST(BandwidthPoolTest, AWriteOfTheSameValueGivesAQuotaAway) {
  BandwidthPool pool(setting(10));
  double ran = pool.take(10 * kMs);
  for (int i = 0; i < 4; ++i) {
    pool.write(setting(10));
    ran += pool.take(10 * kMs);
  }
  EXPECT_EQ(ran, 50 * kMs);
}

TEST(BandwidthPoolTest, WhatCpusKeepComesOnTop) {
  BandwidthPool pool(setting(50));
  pool.refill(2 * kMs);
  EXPECT_EQ(pool.runtime(), 52 * kMs);
  EXPECT_EQ(pool.take(52 * kMs), 52 * kMs);
  pool.refill(2 * kMs);
  EXPECT_EQ(pool.runtime(), 50 * kMs);
}

TEST(ReplayTest, OneSpinnerOnHalfACpu) {
  const std::vector<Demand> demand{{100 * kMs, 1}, {100 * kMs, 0}};
  const CpuOutcome outcome = replay(demand, setting(50));
  EXPECT_EQ(outcome.periods, 2U);
  EXPECT_EQ(outcome.throttled, 1U);
  EXPECT_NEAR(outcome.throttled_usec, 50 * kMs, 1);
  EXPECT_NEAR(outcome.used_usec, 100 * kMs, 1);
  EXPECT_NEAR(outcome.lost_cpus(), 0.25, 1e-6);
  EXPECT_EQ(outcome.delay_p50_usec, 0);
  EXPECT_NEAR(outcome.delay_p99_usec, 50 * kMs, 1 * kMs);
  EXPECT_NEAR(outcome.delay_max_usec, 50 * kMs, 1);
  EXPECT_EQ(outcome.left_usec, 0);
}

TEST(ReplayTest, TwoSpinnersEmptyTheQuotaTwiceAsFast) {
  const std::vector<Demand> demand{{1000 * kMs, 2}};
  const CpuOutcome outcome = replay(demand, setting(50));
  EXPECT_EQ(outcome.throttled, 10U);
  // 25 ms on two CPUs, then 75 ms on neither, ten times.
  EXPECT_NEAR(outcome.throttled_usec, 10 * 150 * kMs, 10);
  EXPECT_NEAR(outcome.used_usec, 500 * kMs, 10);
  EXPECT_NEAR(outcome.left_usec, 1500 * kMs, 10);
}

TEST(ReplayTest, BurstCarriesAnIdlePeriodOver) {
  const std::vector<Demand> demand{{100 * kMs, 0}, {100 * kMs, 1}, {100 * kMs, 0}};
  EXPECT_EQ(replay(demand, setting(50, 50)).throttled, 0U);
  const CpuOutcome without = replay(demand, setting(50));
  EXPECT_EQ(without.throttled, 1U);
  // The CPU kept 1 ms over the refill.
  EXPECT_NEAR(without.throttled_usec, 49 * kMs, 1);
}

TEST(ReplayTest, ExactlyTheQuotaIsNotThrottled) {
  const std::vector<Demand> demand{{3'600'000 * kMs, 0.3}};
  const CpuOutcome outcome = replay(demand, setting(30));
  EXPECT_EQ(outcome.throttled, 0U);
  EXPECT_EQ(outcome.periods, 36000U);
}

// do_sched_cfs_period_timer() counts a period before it sees that nothing ran in it, and ends.
TEST(ReplayTest, TheIdlePeriodAfterABusyOneIsCountedToo) {
  const std::vector<Demand> demand{{30 * kMs, 1}, {970 * kMs, 0}, {30 * kMs, 1}, {470 * kMs, 0}};
  EXPECT_EQ(replay(demand, setting(50)).periods, 4U);
}

TEST(ReplayTest, OneThatRunsForPartOfTheTimeIsThrottledForAllOfTheRest) {
  // The quota is gone after 80 ms.
  const CpuOutcome outcome = replay(std::vector<Demand>{{100 * kMs, 0.5}}, setting(40));
  EXPECT_EQ(outcome.throttled, 1U);
  EXPECT_NEAR(outcome.throttled_usec, 20 * kMs, 1);
}

TEST(ReplayTest, NoLimitWithholdsNothing) {
  const std::vector<Demand> demand{{500 * kMs, 3}, {500 * kMs, 0.1}};
  const CpuOutcome outcome = replay(demand, CpuSetting{});
  EXPECT_EQ(outcome.throttled, 0U);
  EXPECT_EQ(outcome.delay_max_usec, 0);
  EXPECT_NEAR(outcome.used_usec, work_of(demand), 1);
}

TEST(ReplayTest, NothingDemandedIsNothing) {
  const CpuOutcome outcome = replay({}, setting(50));
  EXPECT_EQ(outcome.periods, 0U);
  EXPECT_EQ(outcome.throttled_share(), 0);
  EXPECT_EQ(outcome.lost_cpus(), 0);
}

UsageSample second(std::uint64_t usage_ms, std::uint64_t throttled, std::uint64_t lost_ms,
                   std::uint64_t quota_ms) {
  UsageSample sample;
  sample.length = Usec{1'000'000};
  sample.usage = Usec{usage_ms * 1000};
  sample.nr_periods = 10;
  sample.nr_throttled = throttled;
  sample.throttled = Usec{lost_ms * 1000};
  sample.max = cgroup::CpuMax{Usec{quota_ms * 1000}, kPeriod};
  return sample;
}

TEST(DemandTest, ThrottledPeriodsAreOneBurstOnTheCpusThatWaited) {
  // Four periods ran 50 ms and lost 150 ms: two CPUs wanted to run. 240 - 200 ms ran in the others.
  const std::vector<UsageSample> samples{second(240, 4, 600, 50)};
  const auto demand = demanded(samples, Spread::even);
  ASSERT_EQ(demand.size(), 2U);
  EXPECT_DOUBLE_EQ(demand[0].cpus, 2);
  EXPECT_NEAR(demand[0].usec * 2, 200 * kMs + 40 * kMs / 6, 1);
  EXPECT_NEAR(work_of(demand), 240 * kMs, 1e-3);
  EXPECT_NEAR(demand[0].usec + demand[1].usec, 1000 * kMs, 1e-3);
}

TEST(DemandTest, WhatTheRecordedQuotaGaveIsFoundAgain) {
  const std::vector<UsageSample> samples{second(240, 4, 600, 50)};
  const CpuOutcome outcome = replay(demanded(samples, Spread::even), setting(50));
  EXPECT_EQ(outcome.throttled, 4U);
  EXPECT_NEAR(outcome.throttled_usec, 600 * kMs, 20 * kMs);
}

TEST(DemandTest, PackedIsAsFastAsTheQuotaAllowedAndEvenIsNot) {
  const std::vector<UsageSample> samples{second(300, 0, 0, 100)};
  const auto packed = demanded(samples, Spread::packed);
  ASSERT_EQ(packed.size(), 2U);
  EXPECT_DOUBLE_EQ(packed[0].cpus, 1);
  EXPECT_DOUBLE_EQ(packed[0].usec, 300 * kMs);
  EXPECT_EQ(packed[1].cpus, 0);
  const auto even = demanded(samples, Spread::even);
  ASSERT_EQ(even.size(), 1U);
  EXPECT_DOUBLE_EQ(even[0].cpus, 0.3);
}

TEST(DemandTest, WithoutBandwidthCountersTheUsageIsSpread) {
  UsageSample sample;
  sample.length = Usec{1'000'000};
  sample.usage = Usec{1'500'000};
  const auto demand = demanded(std::vector{sample}, Spread::packed);
  ASSERT_EQ(demand.size(), 1U);
  EXPECT_DOUBLE_EQ(demand[0].cpus, 1.5);
}

std::vector<Demand> random_demand(std::mt19937& random) {
  std::uniform_real_distribution<double> usec(200, 400'000);
  std::exponential_distribution<double> cpus(1.5);
  std::vector<Demand> demand;
  for (int i = 0; i < 60; ++i) {
    demand.push_back({usec(random), random() % 3 == 0 ? 0 : std::min(8.0, cpus(random))});
  }
  return demand;
}

TEST(ReplayPropertyTest, NoWorkIsLostOrMade) {
  std::mt19937 random(1);
  for (int round = 0; round < 300; ++round) {
    const auto demand = random_demand(random);
    const std::uint64_t quota = 1 + random() % 300;
    const CpuOutcome outcome =
        replay(demand, setting(quota, random() % (quota + 1), Usec{1000 + random() % 999'000}));
    EXPECT_NEAR(outcome.used_usec + outcome.left_usec, work_of(demand), 1) << round;
    EXPECT_LE(outcome.throttled, outcome.periods);
  }
}

TEST(ReplayPropertyTest, MoreQuotaOrBurstNeverThrottlesMore) {
  std::mt19937 random(2);
  for (int round = 0; round < 300; ++round) {
    const auto demand = random_demand(random);
    const Usec period{10'000 + random() % 400'000};
    const std::uint64_t quota = 1 + random() % 200;
    const std::uint64_t burst = random() % (quota + 1);
    const CpuOutcome less = replay(demand, setting(quota, burst, period));
    for (const CpuSetting& richer :
         {setting(quota + 1 + random() % 50, burst, period), setting(quota, quota, period)}) {
      const CpuOutcome more = replay(demand, richer);
      EXPECT_LE(more.throttled, less.throttled) << round;
      EXPECT_LE(more.throttled_usec, less.throttled_usec + 1) << round;
      EXPECT_LE(more.left_usec, less.left_usec + 1) << round;
      EXPECT_LE(more.delay_p99_usec, less.delay_p99_usec * 1.03 + 20) << round;
    }
  }
}

TEST(RecommendTest, TheCheapestSettingForASteadyLoadIsTheLoad) {
  const std::vector<Demand> demand{{10'000 * kMs, 0.42}};
  const auto found = recommend(demand, {.throttled_share = 0.0}, kPeriod);
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].setting, setting(42));  // none needs a burst
  EXPECT_EQ(found[0].outcome.throttled, 0U);
}

TEST(RecommendTest, ABurstHalvesTheQuotaOfAnOnOffLoad) {
  std::vector<Demand> demand;
  for (int i = 0; i < 50; ++i) {
    demand.push_back({100 * kMs, 0});
    demand.push_back({100 * kMs, 1});
  }
  const auto found = recommend(demand, {.throttled_share = 0.0}, kPeriod);
  EXPECT_EQ(found.front().setting.burst, std::get<Usec>(found.front().setting.max.quota));
  EXPECT_NEAR(cores(found.front().setting), 0.5, 0.011);
  EXPECT_NEAR(cores(found.back().setting), 1.0, 0.011);
  EXPECT_EQ(found.back().setting.burst, Usec{0});
}

TEST(RecommendTest, OneStepCheaperMissesTheTarget) {
  std::mt19937 random(3);
  for (int round = 0; round < 20; ++round) {
    auto demand = random_demand(random);
    demand.push_back({2'000'000, 0});
    const CpuTarget target{.throttled_share = 0.1, .delay_p99 = Usec{150'000}};
    for (const Candidate& candidate : recommend(demand, target, kPeriod)) {
      EXPECT_TRUE(keeps(candidate.outcome, target)) << round;
      const std::uint64_t quota = std::get<Usec>(candidate.setting.max.quota).count() / 1000;
      if (quota == 1) continue;
      const CpuOutcome cheaper = replay(demand, setting(quota - 1, 0));
      if (candidate.setting.burst == Usec{0}) {
        EXPECT_FALSE(keeps(cheaper, target)) << round;
      }
    }
  }
}

TEST(RecommendTest, EachTargetIsKeptByItself) {
  std::vector<Demand> demand;
  for (int i = 0; i < 20; ++i) {
    demand.push_back({50 * kMs, 2});
    demand.push_back({350 * kMs, 0.1});
  }
  const auto share = recommend(demand, {.throttled_share = 0.05}, kPeriod).front();
  EXPECT_LE(share.outcome.throttled_share(), 0.05);
  const auto lost = recommend(demand, {.lost_cpus = 0.05}, kPeriod).front();
  EXPECT_LE(lost.outcome.lost_cpus(), 0.05);
  const auto delay = recommend(demand, {.delay_p99 = Usec{20'000}}, kPeriod).front();
  EXPECT_LE(delay.outcome.delay_p99_usec, 20'000);
}

}  // namespace
}  // namespace cgwarden::policy::simulation
