// Sizing of memory.high, the forecast of an OOM, the guard against stalls at memory.high.
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "policy/adapt/memory_high.h"
#include "policy/adapt/stall_guard.h"
#include "policy/adapt/time_to_oom.h"

namespace cgwarden::policy::adapt {
namespace {

constexpr std::uint64_t kMiB = 1ULL << 20U;
constexpr Usec kOneSecond{1'000'000};

TEST(UnreclaimableTest, WithoutSwapAnonymousMemoryIsWithoutReturn) {
  cgroup::MemoryStat stat;
  EXPECT_FALSE(unreclaimable(stat, false));
  stat.anon = 100;
  stat.shmem = 20;
  stat.file = 1000;
  stat.slab_unreclaimable = 3;
  stat.kernel_stack = 2;
  stat.unevictable = 7;
  EXPECT_EQ(unreclaimable(stat, false), Bytes{125});
  EXPECT_EQ(unreclaimable(stat, true), Bytes{12});
}

TEST(TheilSenTest, OutliersDoNotMoveIt) {
  std::vector<TimedBytes> points;
  for (int i = 0; i < 40; ++i) points.push_back({static_cast<double>(i), 1000 + 50.0 * i});
  for (int i = 0; i < 40; i += 5) points[static_cast<std::size_t>(i)].bytes = 1e9;
  const auto slope = theil_sen(points);
  ASSERT_TRUE(slope);
  EXPECT_NEAR(slope->per_second, 50, 1);
  EXPECT_LT(slope->spread, 1);
  EXPECT_FALSE(theil_sen(std::span(points).first(2)));
}

OomForecast look_for(OomForecaster& forecaster, int seconds, double start, double per_second,
                     double noise, std::uint32_t seed, double max = 1e9) {
  std::mt19937 random(seed);
  std::normal_distribution<double> away(0, std::max(noise, 1e-9));
  OomForecast forecast;
  for (int s = 0; s < seconds; ++s) {
    const auto bytes =
        static_cast<std::uint64_t>(std::max(0.0, start + per_second * s + away(random)));
    const std::vector<MemoryBound> bounds{
        {"/a/b", Bytes{static_cast<std::uint64_t>(max)}, Bytes{bytes}},
        {"/a", Bytes{static_cast<std::uint64_t>(max * 2)}, Bytes{bytes}}};
    forecast = forecaster.look(Usec{1'000'000ULL * static_cast<unsigned>(s)}, Bytes{bytes}, bounds);
  }
  return forecast;
}

TEST(OomForecasterTest, ALeakIsForetoldWithItsLimit) {
  OomForecaster forecaster;
  // 100 MB/min from 100 MB: 600 MB after five minutes, 400 MB left, four minutes.
  const OomForecast forecast = look_for(forecaster, 301, 1e8, 1e8 / 60, 1e6, 1);
  EXPECT_TRUE(forecast.warns);
  EXPECT_EQ(forecast.bound, "/a/b");
  EXPECT_NEAR(static_cast<double>(forecast.in->count()) / 1e6, 240, 15);
}

TEST(OomForecasterTest, TheAncestorThatIsHitFirstIsNamed) {
  OomForecaster forecaster;
  OomForecast forecast;
  for (unsigned s = 0; s < 60; ++s) {
    const Bytes used{s * 10 * kMiB};
    const std::vector<MemoryBound> bounds{
        {"/a/b", Bytes{4096 * kMiB}, used},
        {"/a", Bytes{3000 * kMiB}, Bytes{2000 * kMiB + used.value}}};
    forecast = forecaster.look(Usec{s * 1'000'000ULL}, used, bounds);
  }
  EXPECT_EQ(forecast.bound, "/a");
  EXPECT_NEAR(static_cast<double>(forecast.in->count()) / 1e6, 41, 1);
}

TEST(OomForecasterTest, GoingUpAndDownIsNoTrend) {
  for (std::uint32_t seed = 0; seed < 5; ++seed) {
    OomForecaster forecaster;
    EXPECT_FALSE(look_for(forecaster, 900, 5e8, 0, 5e7, seed).warns) << seed;
  }
  OomForecaster sawtooth;
  OomForecast forecast;
  for (unsigned s = 0; s < 600; ++s) {
    const Bytes used{(100 + (s % 12) * 20) * kMiB};
    const std::vector<MemoryBound> bounds{{"/a", Bytes{400 * kMiB}, used}};
    forecast = sawtooth.look(Usec{s * 1'000'000ULL}, used, bounds);
    EXPECT_FALSE(forecast.warns) << s;
  }
}

TEST(OomForecasterTest, OneLookIsNoWarningAndOneMissEndsNone) {
  OomForecaster forecaster;
  unsigned s = 0;
  const auto look = [&](std::uint64_t max) {
    const Bytes used{s * 10 * kMiB};
    const std::vector<MemoryBound> bounds{{"/a", Bytes{max}, used}};
    return forecaster.look(Usec{s++ * 1'000'000ULL}, used, bounds);
  };
  for (int i = 0; i < 60; ++i) EXPECT_FALSE(look(1ULL << 50U).warns);
  EXPECT_FALSE(look(1024 * kMiB).warns);
  EXPECT_TRUE(look(1024 * kMiB).warns);
  EXPECT_TRUE(look(1ULL << 50U).warns);
  EXPECT_FALSE(look(1ULL << 50U).warns);
}

TEST(OomForecasterTest, WithoutLimitsThereIsNothingToHit) {
  OomForecaster forecaster;
  OomForecast forecast;
  for (unsigned s = 0; s < 100; ++s) {
    forecast = forecaster.look(Usec{s * 1'000'000ULL}, Bytes{s * kMiB}, {});
  }
  EXPECT_FALSE(forecast.in);
}

// One leak: what a program has, with requests that come and go, and what it loses in batches.
struct Leak {
  double per_second;
  double max;
  double begins;  // seconds after the start
  double before;  // bytes that it has before that
  double noise;   // of those, up and down
  double batch;   // seconds between two allocations
};

Leak random_leak(std::mt19937& random) {
  const auto between = [&](double least, double most) {
    return std::uniform_real_distribution<double>(least, most)(random);
  };
  Leak leak{};
  leak.per_second = 1e6 * std::exp(between(0, std::log(50)));
  leak.max = std::exp2(between(28, 33));  // 256 MiB to 8 GiB
  leak.begins = between(0, 200);
  leak.before = leak.max * between(0.05, 0.6);
  leak.noise = leak.before * between(0, 0.02);
  leak.batch = between(0.1, 3);
  return leak;
}

// Seconds from the warning that stood when it was killed back to when it was given; nullopt: none
// stood. `lasted`: from the beginning of the leak.
std::optional<double> told_before(const Leak& leak, std::mt19937& random, double& lasted) {
  OomForecaster forecaster;
  std::normal_distribution<double> away(0, std::max(leak.noise, 1.0));
  std::optional<double> warned;
  for (unsigned s = 0;; ++s) {
    const double leaking = std::max(0.0, s - leak.begins);
    const double lost = leak.per_second * leak.batch * std::floor(leaking / leak.batch);
    const double used = std::max(0.0, leak.before + lost + away(random));
    lasted = leaking;
    if (used >= leak.max) return warned ? std::optional(s - *warned) : std::nullopt;
    const Bytes bytes{static_cast<std::uint64_t>(used)};
    const std::vector<MemoryBound> bounds{
        {"/a", Bytes{static_cast<std::uint64_t>(leak.max)}, bytes}};
    const bool warns = forecaster.look(Usec{s * 1'000'000ULL}, bytes, bounds).warns;
    if (!warns) warned.reset();
    if (warns && !warned) warned = s;
  }
}

// The bar of the project: 30 s ahead in nine of ten leaks between 1 and 50 MB/s. One that fills its
// limit within 45 s leaves no 30 s to tell anything from, and is counted apart.
TEST(OomForecasterTest, NineOfTenLeaksAreForetoldHalfAMinuteBefore) {
  std::mt19937 random(20260601);
  unsigned leaks = 0;
  unsigned told = 0;
  unsigned short_ones = 0;
  while (leaks < 200) {
    const Leak leak = random_leak(random);
    double lasted = 0;
    const auto before = told_before(leak, random, lasted);
    if (lasted < 45) {
      ++short_ones;
      continue;
    }
    ++leaks;
    if (before && *before >= 30) ++told;
  }
  RecordProperty("leaks", std::to_string(leaks));
  RecordProperty("told", std::to_string(told));
  RecordProperty("too_short", std::to_string(short_ones));
  EXPECT_GE(told * 10, leaks * 9) << told << " of " << leaks << ", " << short_ones << " too short";
}

// A program that fills its caches when it starts, and one that is collected now and then.
TEST(OomForecasterTest, AStartAndACollectedHeapAreNoLeak) {
  for (const double seconds : {3.0, 8.0, 12.0}) {
    OomForecaster forecaster;
    for (unsigned s = 0; s < 300; ++s) {
      const Bytes used{static_cast<std::uint64_t>(std::min<double>(s, seconds) * 40e6)};
      const std::vector<MemoryBound> bounds{{"/a", Bytes{1024 * kMiB}, used}};
      EXPECT_FALSE(forecaster.look(Usec{s * 1'000'000ULL}, used, bounds).warns) << s;
    }
  }
  // Collected each half minute; its first climb, which nothing tells from a leak, apart.
  OomForecaster forecaster;
  for (unsigned s = 0; s < 900; ++s) {
    const Bytes used{(100 + (s % 30) * 8) * kMiB};
    const std::vector<MemoryBound> bounds{{"/a", Bytes{1024 * kMiB}, used}};
    const auto forecast = forecaster.look(Usec{s * 1'000'000ULL}, used, bounds);
    if (s > 31) {
      EXPECT_FALSE(forecast.warns) << s;
    }
  }
}

StallInputs stalled_inputs(unsigned second, std::uint64_t high_mib = 30) {
  StallInputs inputs;
  inputs.id = CgroupId{7};
  inputs.now = Usec{second * 1'000'000ULL};
  inputs.length = kOneSecond;
  inputs.current = Bytes{high_mib * kMiB};
  inputs.high = Bytes{high_mib * kMiB};
  inputs.max = Bytes{300 * kMiB};
  inputs.high_events = 12;
  inputs.pgscan = 0;
  inputs.full = Usec{980'000};
  return inputs;
}

TEST(StallGuardTest, IsToldWhenThePatienceIsOverThenRaisedWithinTheBudget) {
  StallGuard guard{StallLimits{}};
  std::uint64_t high = 30 * kMiB;
  std::optional<unsigned> told;
  std::vector<std::uint64_t> raises;
  for (unsigned s = 0; s < 120; ++s) {
    StallInputs inputs = stalled_inputs(s);
    inputs.high = Bytes{high};
    inputs.current = Bytes{high};
    const StallDecision decision = guard.tick(inputs);
    if (decision.action == StallAction::notify) told = s;
    if (decision.action != StallAction::raise) continue;
    high = std::get<Bytes>(decision.new_high).value;
    EXPECT_EQ(high % 4096, 0U);
    raises.push_back(high);
  }
  EXPECT_EQ(told, 4U);
  ASSERT_EQ(raises.size(), 5U);  // a tenth each, half in all
  EXPECT_EQ(raises.front(), 33 * kMiB);
  EXPECT_EQ(raises.back(), 45 * kMiB);
}

// What is in use may lie above memory.high; a value below it could not be written without reclaim.
TEST(StallGuardTest, ARaiseIsAboveWhatIsInUse) {
  StallGuard guard{StallLimits{}};
  std::uint64_t raised = 0;
  for (unsigned s = 0; s < 8; ++s) {
    StallInputs inputs = stalled_inputs(s);
    inputs.high = Bytes{30 * kMiB};
    inputs.current = Bytes{35 * kMiB};
    const StallDecision decision = guard.tick(inputs);
    if (decision.action == StallAction::raise) {
      raised = std::get<Bytes>(decision.new_high).value;
    }
  }
  EXPECT_EQ(raised, 38 * kMiB);
}

TEST(StallGuardTest, NeverRaisesUpToMemoryMax) {
  StallLimits limits;
  limits.raise_budget = 100;
  limits.may_kill = true;
  StallGuard guard{limits};
  std::uint64_t high = 30 * kMiB;
  unsigned kills = 0;
  for (unsigned s = 0; s < 900; ++s) {
    StallInputs inputs = stalled_inputs(s);
    inputs.high = Bytes{high};
    inputs.current = Bytes{high};
    const StallDecision decision = guard.tick(inputs);
    if (decision.action == StallAction::raise) high = std::get<Bytes>(decision.new_high).value;
    if (decision.action == StallAction::kill) ++kills;
  }
  EXPECT_LT(high, 295 * kMiB);
  EXPECT_GT(high, 290 * kMiB);
  EXPECT_EQ(kills, 1U);  // asked once
}

TEST(StallGuardTest, EachPartOfTheConditionIsNeeded) {
  const auto acts = [](auto change) {
    StallGuard guard{StallLimits{}};
    for (unsigned s = 0; s < 30; ++s) {
      StallInputs inputs = stalled_inputs(s);
      change(inputs);
      if (guard.tick(inputs).action != StallAction::none) return true;
    }
    return false;
  };
  EXPECT_TRUE(acts([](StallInputs&) {}));
  EXPECT_TRUE(acts([](StallInputs& i) { i.pgscan.reset(); }));  // an old kernel
  EXPECT_FALSE(acts([](StallInputs& i) { i.pgscan = 10; }));
  const auto reclaims = [](std::uint64_t taken, std::uint64_t back) {
    return [=](StallInputs& i) {
      i.pgscan = 2 * taken;
      i.pgsteal = taken;
      i.refaults = back;
    };
  };
  EXPECT_TRUE(acts(reclaims(800, 799)));  // a program's own text, again and again
  EXPECT_TRUE(acts(reclaims(0, 0)));
  EXPECT_TRUE(acts(reclaims(5, 0)));  // noise
  EXPECT_FALSE(acts(reclaims(800, 100)));
  EXPECT_FALSE(acts([](StallInputs& i) { i.high_events = 0; }));
  EXPECT_FALSE(acts([](StallInputs& i) { i.full = Usec{100'000}; }));
  EXPECT_FALSE(acts([](StallInputs& i) { i.high = Max{}; }));
  EXPECT_FALSE(acts([](StallInputs& i) { i.current = Bytes{10 * kMiB}; }));
}

TEST(StallGuardTest, IsOverWhenItHasBeenCalmAndAnotherInstanceBeginsAnew) {
  StallGuard guard{StallLimits{}};
  unsigned s = 0;
  for (; s < 7; ++s) (void)guard.tick(stalled_inputs(s));
  unsigned over = 0;
  for (; s < 20; ++s) {
    StallInputs calm = stalled_inputs(s);
    calm.full = Usec{0};
    const StallDecision decision = guard.tick(calm);
    if (decision.action == StallAction::over) ++over;
  }
  EXPECT_EQ(over, 1U);
  for (; s < 24; ++s) (void)guard.tick(stalled_inputs(s));
  // The path is taken by a new cgroup: its four seconds are not these.
  for (unsigned i = 0; i < 4; ++i, ++s) {
    StallInputs other = stalled_inputs(s);
    other.id = CgroupId{8};
    EXPECT_EQ(guard.tick(other).action, StallAction::none);
  }
}

MemoryHighInputs sizing(unsigned second, Bytes high, Usec some, std::uint64_t current_mib = 1000) {
  MemoryHighInputs inputs;
  inputs.id = CgroupId{3};
  inputs.now = Usec{second * 1'000'000ULL};
  inputs.length = kOneSecond;
  inputs.some = some;
  inputs.current = Bytes{current_mib * kMiB};
  inputs.high = high;
  return inputs;
}

TEST(MemoryHighTest, BeginsAtTheUsageThenProbesByOnePercent) {
  MemoryHighSizer sizer{MemoryHighTargets{}};
  auto decision = sizer.tick(sizing(0, Bytes{0}, Usec{0}));
  EXPECT_EQ(decision.reason, MemoryHighReason::started);
  ASSERT_EQ(decision.write, Bytes{1000 * kMiB});
  unsigned s = 1;
  for (; s < 6; ++s) {
    EXPECT_FALSE(sizer.tick(sizing(s, Bytes{1000 * kMiB}, Usec{0})).write) << s;
  }
  decision = sizer.tick(sizing(s, Bytes{1000 * kMiB}, Usec{0}));
  EXPECT_EQ(decision.reason, MemoryHighReason::probed);
  EXPECT_EQ(decision.write, Bytes{990 * kMiB});
}

TEST(MemoryHighTest, PressureOverTheTargetRaisesAtOnce) {
  MemoryHighSizer sizer{MemoryHighTargets{}};
  (void)sizer.tick(sizing(0, Bytes{0}, Usec{0}));
  // Twenty times the target is the largest step: twice.
  const auto decision = sizer.tick(sizing(1, Bytes{1000 * kMiB}, Usec{200'000}));
  EXPECT_EQ(decision.reason, MemoryHighReason::backed_off);
  EXPECT_EQ(decision.write, Bytes{2000 * kMiB});
}

TEST(MemoryHighTest, NeverBelowWhatCannotBeReclaimed) {
  MemoryHighSizer sizer{MemoryHighTargets{}};
  Bytes high{0};
  for (unsigned s = 0; s < 2000; ++s) {
    MemoryHighInputs inputs = sizing(s, high, Usec{0});
    inputs.unreclaimable = Bytes{600 * kMiB};
    const auto decision = sizer.tick(inputs);
    if (decision.write) high = *decision.write;
  }
  EXPECT_EQ(high, Bytes{630 * kMiB});
}

TEST(MemoryHighTest, SomebodyElsesWriteBeginsAnew) {
  MemoryHighSizer sizer{MemoryHighTargets{}};
  (void)sizer.tick(sizing(0, Bytes{0}, Usec{0}));
  const auto decision = sizer.tick(sizing(1, Bytes{500 * kMiB}, Usec{0}, 480));
  EXPECT_EQ(decision.reason, MemoryHighReason::foreign);
  EXPECT_EQ(decision.write, Bytes{480 * kMiB});
}

}  // namespace
}  // namespace cgwarden::policy::adapt
