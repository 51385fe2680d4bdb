// The `adapt` block of a policy, and what its loops do to a plan.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "policy/plan.h"
#include "policy/policy.h"
#include "tests/policy/loading.h"

namespace cgwarden::policy {
namespace {

using adapt::StallResponse;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::policy_errors;
using testing::policy_text;
using ::testing::StartsWith;

std::string adapt_errors(const std::string& lines) { return policy_errors(policy_text(lines)); }

adapt::Settings adapt_of(const std::string& block) {
  return testing::policy_of("p", "/a", "adapt: " + block + "\n").adapt;
}

TEST(PolicyAdapt, ALoopHasDefaultsAndWhatItIsGiven) {
  const auto settings = adapt_of(
      "{cpu: {floor: 100m, ceiling: 2, throttledRatio: 0.05, hold: 1min, period: 50ms, nodeBusy: "
      "0.8, pressure: 0.5}, memoryHigh: {floor: 64MiB, ceiling: 1GiB, pressure: 20ms, window: 4s, "
      "probe: 0.02, backoff: 0.5}, stall: {action: kill, full: 0.7, patience: 3s, calm: 4s, "
      "raiseStep: 0.2, raiseBudget: 2, raiseEvery: 6s, killAfter: 30s}}");
  const adapt::CpuTargets cpu{0.05, Usec{60'000'000}, 0.1, 2, Usec{50'000}, 0.8, 0.5};
  EXPECT_EQ(settings.cpu, cpu);
  const adapt::MemoryHighTargets high{.pressure = Usec{20'000},
                                      .window = Usec{4'000'000},
                                      .most_probe = 0.02,
                                      .most_backoff = 0.5,
                                      .floor = Bytes{64U << 20U},
                                      .ceiling = Bytes{1U << 30U}};
  EXPECT_EQ(settings.memory_high, high);
  const adapt::StallLimits stall{.full = 0.7,
                                 .patience = Usec{3'000'000},
                                 .raise_step = 0.2,
                                 .raise_budget = 2,
                                 .raise_every = Usec{6'000'000},
                                 .may_raise = true,
                                 .may_kill = true,
                                 .kill_after = Usec{30'000'000},
                                 .calm = Usec{4'000'000}};
  EXPECT_EQ(settings.stall, stall);
  EXPECT_EQ(settings.stall_response, StallResponse::kill);
  EXPECT_EQ(settings.cpu_position.line, 6U);

  const auto few = adapt_of("{cpu: {ceiling: 1}, stall: {action: notify}}");
  EXPECT_EQ(few.cpu, adapt::CpuTargets{});
  EXPECT_FALSE(few.memory_high);
  EXPECT_FALSE(few.stall->may_raise);
  EXPECT_FALSE(adapt_of("{stall: {action: raise}}").stall->may_kill);
}

TEST(PolicyAdapt, AKillRuleAndAForecastHaveDefaultsAndWhatTheyAreGiven) {
  const auto given = adapt_of(
      "{timeToOom: {warn: 5min}, kill: {full: 0.8, lasting: 20s, by: swap, coolDown: 30s, budget: "
      "5, budgetTime: 2h}}");
  EXPECT_EQ(given.time_to_oom, adapt::OomLimits{Usec{300'000'000}});
  const adapt::KillRule rule{.full = 80,
                             .lasting = Usec{20'000'000},
                             .by = adapt::KillBy::swap,
                             .cool_down = Usec{30'000'000},
                             .budget = 5,
                             .budget_time = Usec{7'200'000'000}};
  EXPECT_EQ(given.kill, rule);
  const auto least = adapt_of("{kill: {full: 0.6, budget: 2}}").kill;
  EXPECT_EQ(least, (adapt::KillRule{.full = 60, .budget = 2}));
}

TEST(PolicyAdapt, WhatIsWrongIsSaidWhereItStands) {
  const auto says = [](const std::string& lines, const std::string& start) {
    EXPECT_THAT(adapt_errors(lines), StartsWith(start)) << lines;
  };
  says("adapt: 1\n", "p.yaml:5:8: error: adapt must be a map");
  says("adapt: {}\n", "p.yaml:5:8: error: adapt has no loop");
  says("adapt: {cpus: {}}\n", "p.yaml:5:9: error: unknown key \"adapt.cpus\"");
  says("adapt: {cpu: {floor: 1}}\n", "p.yaml:5:14: error: adapt.cpu.ceiling is missing");
  says("adapt: {cpu: {ceiling: max}}\n", "p.yaml:5:24: error: adapt.cpu.ceiling cannot be \"max\"");
  says("adapt: {cpu: {ceiling: 50ms/100ms}}\n", "p.yaml:5:24: error: adapt.cpu.ceiling cannot be");
  says("adapt: {cpu: {ceiling: 1, throttledRatio: 10%}}\n",
       "p.yaml:5:43: error: adapt.cpu.throttledRatio cannot be \"10%\"");
  says("adapt: {cpu: {ceiling: 1, throttledRatio: 1.5}}\n", "p.yaml:5:43: error: adapt.cpu");
  says("adapt: {cpu: {ceiling: 1, throttledRatio: nan}}\n", "p.yaml:5:43: error: adapt.cpu");
  says("adapt: {cpu: {ceiling: 1, hold: 1ms}}\n", "p.yaml:5:33: error: adapt.cpu.hold cannot be");
  says("adapt: {cpu: {ceiling: 1, period: 2s}}\n", "p.yaml:5:35: error: adapt.cpu.period cannot");
  says("adapt: {memoryHigh: {ceiling: max}}\n", "p.yaml:5:31: error: adapt.memoryHigh.ceiling");
  says("adapt: {timeToOom: {}}\n", "p.yaml:5:20: error: adapt.timeToOom.warn is missing");
  says("adapt: {timeToOom: {warn: 2h}}\n", "p.yaml:5:27: error: adapt.timeToOom.warn cannot be");
  says("adapt: {kill: {budget: 1}}\n", "p.yaml:5:15: error: adapt.kill.full is missing");
  says("adapt: {kill: {full: 60, budget: 1}}\n", "p.yaml:5:22: error: adapt.kill.full cannot be");
  says("adapt: {kill: {full: 0.6, budget: 0}}\n", "p.yaml:5:35: error: adapt.kill.budget cannot");
  says("adapt: {kill: {full: 0.6, budget: 1, by: age}}\n", "p.yaml:5:42: error: adapt.kill.by");
  says("adapt: {kill: {full: 0.6, budget: 1, budgetTime: 1s}}\n",
       "p.yaml:5:50: error: adapt.kill.budgetTime cannot be");
  says("adapt: {stall: {}}\n", "p.yaml:5:16: error: adapt.stall.action is missing");
  says("adapt: {stall: {action: stop}}\n", "p.yaml:5:25: error: adapt.stall.action cannot be");
  says("adapt: {stall: {action: raise, raiseBudget: 5}}\n", "p.yaml:5:45: error: adapt.stall");
}

TEST(PolicyAdapt, AFixedValueOrCrossedBoundsAreErrors) {
  const auto says = [](const std::string& lines, const std::string& start, const char* rule) {
    EXPECT_THAT(adapt_errors(lines), AllOf(StartsWith(start), HasSubstr(rule))) << lines;
  };
  says("cpu: {max: 1}\nadapt: {cpu: {ceiling: 2}}\n",
       "p.yaml:6:9: error: adapt.cpu and a fixed cpu.max", "[L43]");
  says("cpu: {burst: 10ms}\nadapt: {cpu: {ceiling: 2}}\n",
       "p.yaml:6:9: error: adapt.cpu and a fixed cpu.max.burst", "[L43]");
  says("memory: {high: 50% of node}\nadapt: {memoryHigh: {ceiling: 1GiB}}\n",
       "p.yaml:6:9: error: adapt.memoryHigh and a fixed memory.high", "[L43]");
  says("adapt: {cpu: {floor: 2, ceiling: 1}}\n", "p.yaml:5:9: error: adapt.cpu.floor", "[L44]");
  says("adapt: {cpu: {floor: 0.05, ceiling: 1, period: 10ms}}\n",
       "p.yaml:5:9: error: adapt.cpu.floor of 0.05 cores is below 1 ms", "[L01]");
  says("adapt: {memoryHigh: {floor: 2GiB, ceiling: 1GiB}}\n",
       "p.yaml:5:9: error: adapt.memoryHigh.floor", "[L44]");
  says("adapt: {memoryHigh: {ceiling: 1GiB, pressure: 2min}}\n",
       "p.yaml:5:9: error: adapt.memoryHigh.pressure", "[L44]");
  // A guard beside a fixed memory.high is what it is for.
  EXPECT_EQ(adapt_errors("memory: {high: 64MiB}\nadapt: {stall: {action: raise}}\n"), "");
}

// A cgroup as a 6.1 kernel makes it.
cgroup::Snapshot one_cgroup() {
  cgroup::Sample sample;
  sample.id = CgroupId{7};
  sample.path = "/a";
  sample.cpu_max = cgroup::CpuMax{Max{}, Usec{100'000}};
  sample.cpu_max_burst = Usec{0};
  sample.memory_high = LimitOf<Bytes>(Max{});
  sample.controllers = {"cpu", "memory"};
  return {TimePoint{}, {sample}};
}

std::vector<std::string> loop_writes(const Plan& made) {
  std::vector<std::string> out;
  for (const Write& write : made.writes) {
    out.push_back(write.file + " " + write.new_value + " " + write.policy + ":" +
                  std::to_string(write.position.line));
  }
  return out;
}

TEST(PolicyAdapt, WhatALoopWantsIsPlannedAsAnyOtherValue) {
  using ::testing::ElementsAre;
  using ::testing::IsEmpty;
  Policy policy = testing::policy_of("p", "/a", "adapt: {cpu: {ceiling: 1}}\n");
  EXPECT_THAT(loop_writes(plan(one_cgroup(), {policy})), IsEmpty());
  AdaptedValues values;
  values[CgroupId{7}].cpu_max = cgroup::CpuMax{Usec{20'000}, Usec{100'000}};
  values[CgroupId{7}].cpu_max_burst = Usec{20'000};
  policy.adapted = std::make_shared<const AdaptedValues>(values);
  EXPECT_THAT(loop_writes(plan(one_cgroup(), {policy})),
              ElementsAre("cpu.max 20000 100000 p:6", "cpu.max.burst 20000 p:6"));
  // Of another instance of the path: nothing.
  policy.adapted = std::make_shared<const AdaptedValues>(AdaptedValues{{CgroupId{8}, {}}});
  EXPECT_THAT(loop_writes(plan(one_cgroup(), {policy})), IsEmpty());
}

TEST(PolicyAdapt, WhatAGuardRaisedTakesThePlaceOfItsPolicysOwnValue) {
  using ::testing::ElementsAre;
  Policy policy =
      testing::policy_of("p", "/a", "memory: {high: 64MiB}\nadapt: {stall: {action: raise}}\n");
  AdaptedValues values;
  values[CgroupId{7}].memory_high = LimitOf<Bytes>(Bytes{70U << 20U});
  policy.adapted = std::make_shared<const AdaptedValues>(values);
  EXPECT_THAT(loop_writes(plan(one_cgroup(), {policy})), ElementsAre("memory.high 73400320 p:7"));
}

}  // namespace
}  // namespace cgwarden::policy
