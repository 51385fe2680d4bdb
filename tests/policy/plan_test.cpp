#include "policy/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/policy/loading.h"

namespace cgwarden::policy {
namespace {

using cgroup::CpuMax;
using cgroup::Sample;
using cgroup::Snapshot;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// What a cgroup of a 6.1 kernel says when nobody has set anything.
Sample fresh(const std::string& path, std::uint64_t id) {
  Sample sample;
  sample.id = CgroupId{id};
  sample.path = path;
  sample.cpu_max = CpuMax{Max{}, Usec{100000}};
  sample.cpu_max_burst = Usec{0};
  sample.cpu_weight = 100;
  sample.cpu_idle = false;
  sample.memory_current = Bytes{10U << 20U};
  sample.memory_min = LimitOf<Bytes>(Bytes{0});
  sample.memory_low = LimitOf<Bytes>(Bytes{0});
  sample.memory_high = LimitOf<Bytes>(Max{});
  sample.memory_max = LimitOf<Bytes>(Max{});
  sample.memory_swap_max = LimitOf<Bytes>(Max{});
  sample.memory_oom_group = false;
  sample.pids_max = LimitOf<std::uint64_t>(Max{});
  sample.controllers = {"cpu", "memory", "pids"};
  sample.subtree_control = {"cpu", "memory", "pids"};
  return sample;
}

Snapshot snapshot(std::vector<Sample> samples) { return {TimePoint{}, std::move(samples)}; }

Policy policy(const std::string& name, const std::string& glob, const std::string& lines,
              int priority = 0) {
  auto loaded = load_policies("apiVersion: cgwarden/v1\nkind: Policy\nmetadata: {name: " + name +
                                  "}\nmatch: {cgroups: " + glob +
                                  "}\npriority: " + std::to_string(priority) + "\n" + lines,
                              name + ".yaml");
  EXPECT_TRUE(loaded) << render(loaded.error());
  return loaded->policies.at(0);
}

// "/cgroup file: old -> new".
std::vector<std::string> writes(const Plan& made) {
  std::vector<std::string> out;
  for (const Write& write : made.writes) {
    out.push_back(write.cgroup + " " + write.file + ": " + write.old_value + " -> " +
                  write.new_value);
  }
  return out;
}
// "/cgroup file: reason".
std::vector<std::string> skips(const Plan& made) {
  std::vector<std::string> out;
  for (const Skip& skip : made.skips) {
    out.push_back(skip.cgroup + " " + skip.file + ": " + skip.reason);
  }
  return out;
}
// "inode file value", sorted.
std::vector<std::string> held(const Plan& made) {
  std::vector<std::string> out;
  for (const Held& knob : made.held) {
    out.push_back(std::to_string(knob.id.value) + " " + knob.file + " " + knob.value);
  }
  std::ranges::sort(out);
  return out;
}
std::vector<std::string> warnings(const Plan& made) {
  std::vector<std::string> out;
  for (const Diagnostic& warning : made.warnings) out.push_back(warning.message);
  return out;
}

TEST(PlanTest, EveryKnobOfAFreshCgroup) {
  const Plan made = plan(snapshot({fresh("/a", 7)}),
                         {policy("p", "/a",
                                 "cpu: {weight: 200, max: 0.5, burst: 20ms}\n"
                                 "memory: {min: 1MiB, low: 2MiB, high: 48MiB, max: 64MiB, "
                                 "swap.max: 32MiB, oom.group: true}\n"
                                 "pids: {max: 10}\n")});
  EXPECT_THAT(writes(made),
              ElementsAre("/a cpu.weight: 100 -> 200", "/a cpu.max: max 100000 -> 50000 100000",
                          "/a cpu.max.burst: 0 -> 20000", "/a memory.low: 0 -> 2097152",
                          "/a memory.min: 0 -> 1048576", "/a memory.high: max -> 50331648",
                          "/a memory.swap.max: max -> 33554432", "/a memory.max: max -> 67108864",
                          "/a memory.oom.group: 0 -> 1", "/a pids.max: max -> 10"));
  EXPECT_THAT(made.skips, IsEmpty());
  EXPECT_THAT(made.warnings, IsEmpty());
  const Write& weight = made.writes[0];
  EXPECT_EQ(weight.id, CgroupId{7});
  EXPECT_EQ(weight.policy, "p");
  EXPECT_EQ(weight.position.text(), "p.yaml:6:7");
  EXPECT_EQ(weight.mode, Mode::enforce);
  EXPECT_THAT(weight.losers, IsEmpty());
}

TEST(PlanTest, EqualValuesAreNotWritten) {
  Sample sample = fresh("/a", 1);
  sample.cpu_max = CpuMax{Usec{50000}, Usec{100000}};
  sample.memory_max = LimitOf<Bytes>(Bytes{64U << 20U});
  const auto made =
      plan(snapshot({sample}),
           {policy("p", "/a", "cpu: {max: 500m}\nmemory: {max: 67108900, high: max}\n")});
  EXPECT_TRUE(made.empty());
  EXPECT_THAT(made.skips, IsEmpty());
  EXPECT_THAT(held(made),
              ElementsAre("1 cpu.max 50000 100000", "1 memory.high max", "1 memory.max 67108864"));
}

TEST(PlanTest, WhatAPolicyOfModePlanWantsIsNotHeld) {
  const auto made =
      plan(snapshot({fresh("/a", 1)}), {policy("p", "/a", "mode: plan\npids: {max: max}\n")});
  EXPECT_TRUE(made.empty());
  EXPECT_THAT(held(made), IsEmpty());
}

TEST(PlanTest, APeriodLeftBySomebodyElseIsRepaired) {
  Sample sample = fresh("/a", 1);
  sample.cpu_max = CpuMax{Usec{50000}, Usec{1000000}};
  EXPECT_THAT(writes(plan(snapshot({sample}), {policy("p", "/a", "cpu: {max: 0.5}\n")})),
              ElementsAre("/a cpu.max: 50000 1000000 -> 50000 100000"));
  sample.cpu_max = CpuMax{Max{}, Usec{50000}};
  EXPECT_THAT(writes(plan(snapshot({sample}), {policy("p", "/a", "cpu: {max: max}\n")})),
              ElementsAre("/a cpu.max: max 50000 -> max 100000"));
}

struct QuotaCase {
  CpuMax quota;
  std::uint64_t burst;
  const char* lines;
  std::vector<std::string> writes;
};

TEST(PlanTest, BurstAndQuotaChangeInTheOrderTheKernelTakes) {
  const CpuMax high{Usec{100000}, Usec{100000}};
  const CpuMax low{Usec{20000}, Usec{100000}};
  const CpuMax none{Max{}, Usec{100000}};
  for (const QuotaCase& row : std::vector<QuotaCase>{
           {high,
            80000,
            "cpu: {max: 0.2, burst: 20ms}\n",
            {"/a cpu.max.burst: 80000 -> 20000", "/a cpu.max: 100000 100000 -> 20000 100000"}},
           {low,
            10000,
            "cpu: {max: 1, burst: 100ms}\n",
            {"/a cpu.max: 20000 100000 -> 100000 100000", "/a cpu.max.burst: 10000 -> 100000"}},
           {none,
            90000,
            "cpu: {max: 0.5, burst: 50ms}\n",
            {"/a cpu.max.burst: 90000 -> 50000", "/a cpu.max: max 100000 -> 50000 100000"}},
           {low,
            10000,
            "cpu: {max: max, burst: 50ms}\n",
            {"/a cpu.max: 20000 100000 -> max 100000", "/a cpu.max.burst: 10000 -> 50000"}},
           {high,
            80000,
            "cpu: {max: 0.9, burst: 80ms}\n",
            {"/a cpu.max: 100000 100000 -> 90000 100000"}},
       }) {
    Sample sample = fresh("/a", 1);
    sample.cpu_max = row.quota;
    sample.cpu_max_burst = Usec{row.burst};
    EXPECT_EQ(writes(plan(snapshot({sample}), {policy("p", "/a", row.lines)})), row.writes);
  }
}

TEST(PlanTest, WhatTheKernelWouldRefuseIsSkippedWithItsRule) {
  Sample sample = fresh("/a", 1);
  sample.cpu_max = CpuMax{Usec{100000}, Usec{100000}};
  sample.cpu_max_burst = Usec{80000};
  EXPECT_THAT(
      skips(plan(snapshot({sample}), {policy("p", "/a", "cpu: {max: 0.5}\n")})),
      ElementsAre("/a cpu.max: the kernel refuses a quota of 50000us below the burst, 80000 "
                  "in force (EINVAL): lower cpu.burst too"));
  EXPECT_THAT(skips(plan(snapshot({sample}), {policy("p", "/a", "cpu: {burst: 200ms}\n")})),
              ElementsAre("/a cpu.max.burst: the kernel refuses a burst of 200000us above the "
                          "quota, 100000 in force (EINVAL)"));
  const auto both = plan(snapshot({sample}), {policy("p", "/a", "cpu: {max: 0.9}\n"),
                                              policy("q", "/a", "cpu: {burst: 95ms}\n")});
  EXPECT_THAT(skips(both), ElementsAre("/a cpu.max.burst: the kernel refuses a burst of 95000us "
                                       "above the quota, 90000 of policy p (EINVAL)"));
  EXPECT_THAT(writes(both), ElementsAre("/a cpu.max: 100000 100000 -> 90000 100000"));

  sample = fresh("/a", 1);
  sample.cpu_idle = true;
  sample.cpu_weight = 0;
  EXPECT_THAT(skips(plan(snapshot({sample}), {policy("p", "/a", "cpu: {weight: 5}\n")})),
              ElementsAre("/a cpu.weight: the kernel refuses a weight while cpu.idle is 1 in force "
                          "(EINVAL)"));
  const auto idle = plan(snapshot({fresh("/a", 1)}), {policy("p", "/a", "cpu: {weight: 5}\n"),
                                                      policy("q", "/a", "cpu: {idle: true}\n")});
  EXPECT_THAT(skips(idle), ElementsAre("/a cpu.weight: the kernel refuses a weight while cpu.idle "
                                       "is 1 of policy q (EINVAL)"));
  EXPECT_THAT(writes(idle), ElementsAre("/a cpu.idle: 0 -> 1"));
}

TEST(PlanTest, IdleIsLeftBeforeTheWeightIsSet) {
  Sample sample = fresh("/a", 1);
  sample.cpu_idle = true;
  sample.cpu_weight = 0;
  EXPECT_THAT(
      writes(plan(snapshot({sample}), {policy("p", "/a", "cpu: {idle: false, weight: 100}\n")})),
      ElementsAre("/a cpu.idle: 1 -> 0", "/a cpu.weight: 0 -> 100"));
}

TEST(PlanTest, MemoryLimitsGiveWayBeforeTheyTighten) {
  Sample sample = fresh("/a", 1);
  sample.memory_max = LimitOf<Bytes>(Bytes{64U << 20U});
  sample.memory_high = LimitOf<Bytes>(Bytes{32U << 20U});
  EXPECT_THAT(
      writes(plan(snapshot({sample}), {policy("p", "/a", "memory: {max: 128MiB, high: 96MiB}\n")})),
      ElementsAre("/a memory.max: 67108864 -> 134217728", "/a memory.high: 33554432 -> 100663296"));
  EXPECT_THAT(
      writes(plan(snapshot({sample}), {policy("p", "/a", "memory: {max: 32MiB, high: 24MiB}\n")})),
      ElementsAre("/a memory.high: 33554432 -> 25165824", "/a memory.max: 67108864 -> 33554432"));
}

TEST(PlanTest, ParentsStandBeforeChildren) {
  const auto made = plan(snapshot({fresh("/a/b", 3), fresh("/a", 2), fresh("/a-b", 4)}),
                         {policy("p", "/**", "pids: {max: 5}\n")});
  EXPECT_THAT(writes(made), ElementsAre("/a pids.max: max -> 5", "/a-b pids.max: max -> 5",
                                        "/a/b pids.max: max -> 5"));
}

TEST(PlanTest, TheHigherPriorityWinsEachKnobForItself) {
  const auto made = plan(snapshot({fresh("/a", 1)}),
                         {policy("low", "/a", "cpu: {weight: 10}\npids: {max: 10}\n", -1),
                          policy("high", "/a", "cpu: {weight: 30}\n", 5),
                          policy("mid", "/a", "cpu: {weight: 20}\npids: {max: 10}\n"),
                          policy("same", "/a", "cpu: {weight: 30}\n", 1),
                          policy("other", "/b", "cpu: {weight: 40}\n", 9)});
  ASSERT_THAT(writes(made), ElementsAre("/a cpu.weight: 100 -> 30", "/a pids.max: max -> 10"));
  EXPECT_EQ(made.writes[0].policy, "high");
  EXPECT_THAT(made.writes[0].losers, ElementsAre("mid", "low"));
  EXPECT_EQ(made.writes[1].policy, "mid");
  EXPECT_THAT(made.writes[1].losers, IsEmpty());  // it wants the same
}

TEST(PlanTest, OfEqualPrioritiesTheLaterNameWins) {
  const auto a = policy("a", "/a", "pids: {max: 1}\n");
  const auto b = policy("b", "/a", "pids: {max: 2}\n");
  for (const auto& order : {std::vector{a, b}, std::vector{b, a}}) {
    const auto made = plan(snapshot({fresh("/a", 1)}), order);
    EXPECT_THAT(writes(made), ElementsAre("/a pids.max: max -> 2"));
    EXPECT_THAT(made.writes[0].losers, ElementsAre("a"));
  }
}

TEST(PlanTest, APolicyThatIsOnlyTriedOutChangesNothingOfTheOthers) {
  const auto real = policy("real", "/a", "cpu: {max: 0.5}\npids: {max: 10}\n");
  const auto tried = policy("tried", "/a", "mode: plan\npids: {max: 20}\ncpu: {burst: 30ms}\n", 9);
  const auto made = plan(snapshot({fresh("/a", 1)}), {real, tried});
  EXPECT_THAT(writes(made),
              ElementsAre("/a cpu.max: max 100000 -> 50000 100000", "/a pids.max: max -> 10",
                          "/a cpu.max.burst: 0 -> 30000", "/a pids.max: max -> 20"));
  EXPECT_EQ(made.writes[1].mode, Mode::enforce);
  EXPECT_THAT(made.writes[1].losers, IsEmpty());
  EXPECT_EQ(made.writes[2].mode, Mode::plan);
  EXPECT_EQ(made.writes[3].mode, Mode::plan);
  EXPECT_THAT(made.writes[3].losers, ElementsAre("real"));
}

TEST(PlanTest, AnAbsentFileIsSkippedWithTheAncestorThatIsToBlame) {
  Sample root = fresh("/", 1);
  Sample parent = fresh("/a", 2);
  Sample child = fresh("/a/b", 3);
  child.memory_max.reset();
  const auto reason = [&] {
    const auto made =
        plan(snapshot({root, parent, child}), {policy("p", "/a/b", "memory: {max: 1GiB}\n")});
    EXPECT_THAT(made.writes, IsEmpty());
    return made.skips.at(0).reason;
  };
  EXPECT_EQ(reason(), "the kernel offers no memory.max here");
  child.cgroup_type = cgroup::CgroupType::threaded;
  EXPECT_EQ(reason(), "a threaded cgroup has no memory limits of its own (cgroup.type)");
  child.controllers = {"cpu"};
  EXPECT_EQ(reason(), "controller memory is not available: /a/b has it not in cgroup.controllers");
  parent.subtree_control = {"cpu"};
  EXPECT_EQ(reason(),
            "controller memory is not enabled for /a/b: /a has it not in cgroup.subtree_control");
  root.subtree_control = {"cpu"};
  EXPECT_EQ(reason(),
            "controller memory is not enabled for /a/b: / has it not in cgroup.subtree_control");
  root.controllers = {"cpu"};
  EXPECT_EQ(reason(), "controller memory is not available: / has it not in cgroup.controllers");
  child.unreadable = {{"memory.max", "Permission denied"}};
  EXPECT_EQ(reason(), "its current value cannot be read: Permission denied");
}

TEST(PlanTest, OtherAbsences) {
  Sample root = fresh("/", 1);
  root.pids_max.reset();
  EXPECT_THAT(skips(plan(snapshot({root}), {policy("p", "/", "pids: {max: 5}\n")})),
              ElementsAre("/ pids.max: the root cgroup has no pids.max"));
  Sample sample = fresh("/a", 1);
  sample.memory_swap_max.reset();
  EXPECT_THAT(skips(plan(snapshot({sample}), {policy("p", "/a", "memory: {swap.max: 0}\n")})),
              ElementsAre("/a memory.swap.max: the kernel offers no memory.swap.max here: it runs "
                          "without swap accounting"));
  Sample gone;
  gone.path = "/a";
  gone.unreadable = {{".", "Permission denied"}};
  EXPECT_THAT(skips(plan(snapshot({gone}), {policy("p", "/a", "pids: {max: 5}\n")})),
              ElementsAre("/a pids.max: its current value cannot be read: Permission denied"));
}

TEST(PlanTest, SomebodyElsesCgroupIsSkippedOnlyWhereItDiffers) {
  int asked = 0;
  const auto made = plan(snapshot({fresh("/a", 1), fresh("/b", 2)}),
                         {policy("p", "[/a, /b]", "cpu: {weight: 100}\npids: {max: 5}\n"),
                          policy("q", "/a", "memory: {max: 1GiB}\n")},
                         [&](std::string_view path) -> Access {
                           ++asked;
                           if (path == "/a") return {.refusal = "owned by systemd"};
                           return {};
                         });
  EXPECT_THAT(skips(made),
              ElementsAre("/a memory.max: owned by systemd", "/a pids.max: owned by systemd"));
  EXPECT_EQ(made.skips[0].policy, "q");
  EXPECT_EQ(made.skips[0].position.text(), "q.yaml:6:10");
  EXPECT_THAT(writes(made), ElementsAre("/b pids.max: max -> 5"));
  EXPECT_EQ(asked, 2);
}

TEST(PlanTest, WarningsOfDangerousAndUselessPolicies) {
  Sample a = fresh("/a", 1);
  Sample b = fresh("/b", 2);
  b.memory_current = Bytes{80U << 20U};
  Sample c = fresh("/c", 3);
  c.memory_current = Bytes{90U << 20U};
  const auto made =
      plan(snapshot({a, b, c}), {policy("hard", "/*", "memory: {max: 64MiB}\n"),
                                 policy("soft", "/a", "memory: {high: 64MiB}\n"),
                                 policy("none", "[/x/**, /y, /a]", "memory: {swap.max: 0}\n")});
  EXPECT_THAT(
      warnings(made),
      ElementsAre(
          "policy none: /x/** matches no cgroup", "policy none: /y matches no cgroup",
          "policy hard, /b and 1 more: memory.max is below the memory in use: the kernel "
          "reclaims, and kills at once if that is not enough",
          "policy soft, /a: memory.high is not below memory.max: the kernel kills at "
          "memory.max before it ever throttles at memory.high",
          "policy soft, /a: memory.high without swap (memory.swap.max is 0): above it, a "
          "process whose memory cannot be reclaimed stalls for minutes and is never killed"));
  EXPECT_EQ(made.warnings[0].position.text(), "none.yaml:1:1");
  EXPECT_EQ(made.warnings[2].position.text(), "hard.yaml:6:10");
}

TEST(PlanTest, ALimitThatIsInForceAlreadyDoesNotWarnOfTheMemoryInUse) {
  Sample sample = fresh("/a", 1);
  sample.memory_max = LimitOf<Bytes>(Bytes{64U << 20U});
  sample.memory_current = Bytes{65U << 20U};
  EXPECT_THAT(warnings(plan(snapshot({sample}), {policy("p", "/a", "memory: {max: 64MiB}\n")})),
              IsEmpty());
}

TEST(PlanTest, ResourcesOfOneCgroup) {
  const auto workload =
      load_workload(testing::workload_text("resources:\n  cpu: {max: 0.5, burst: 50ms}\n  pids: "
                                           "{max: 9}\n"),
                    "w.yaml");
  ASSERT_TRUE(workload);
  Sample sample = fresh("/s/payload", 4);
  sample.pids_max.reset();
  const Plan made = plan_resources(sample, workload->resources, "workload/web");
  EXPECT_THAT(writes(made), ElementsAre("/s/payload cpu.max: max 100000 -> 50000 100000",
                                        "/s/payload cpu.max.burst: 0 -> 50000"));
  EXPECT_THAT(skips(made), ElementsAre("/s/payload pids.max: the kernel offers no pids.max here"));
  EXPECT_EQ(made.writes[0].policy, "workload/web");
  EXPECT_EQ(made.writes[0].position.text(), "w.yaml:7:9");
  EXPECT_THAT(made.warnings, IsEmpty());
}

TEST(PlanTest, NothingToDoWithoutPoliciesOrCgroups) {
  EXPECT_TRUE(plan(snapshot({fresh("/a", 1)}), {}).empty());
  EXPECT_TRUE(plan(Snapshot(), {policy("p", "/**", "pids: {max: 5}\n")}).empty());
}

TEST(PlanTest, TextAsADiff) {
  Sample other = fresh("/b", 2);
  other.pids_max.reset();
  other.memory_current = Bytes{80U << 20U};
  const auto made =
      plan(snapshot({fresh("/a\x1b", 1), other}),
           {policy("web", "/*", "cpu: {max: 0.5}\nmemory: {max: 64MiB}\npids: {max: 5}\n"),
            policy("low", "/*", "memory: {max: 1GiB}\n", -1),
            policy("try", "/b", "mode: plan\nmemory: {oom.group: true}\n")});
  EXPECT_EQ(
      render(made),
      "/a\\x1b\n"
      "  cpu.max           max 100000 -> 50000 100000 (0.5 CPUs)   policy web (web.yaml:6)\n"
      "  memory.max        max -> 67108864 (64.0 MiB)   policy web (web.yaml:7), over low\n"
      "  pids.max          max -> 5   policy web (web.yaml:8)\n"
      "/b\n"
      "  cpu.max           max 100000 -> 50000 100000 (0.5 CPUs)   policy web (web.yaml:6)\n"
      "  memory.max        max -> 67108864 (64.0 MiB)   policy web (web.yaml:7), over low\n"
      "  memory.oom.group  0 -> 1   policy try (try.yaml:7), mode plan: not written\n"
      "  pids.max          skipped: the kernel offers no pids.max here   policy web (web.yaml:8)\n"
      "web.yaml:7:10: warning: policy web, /b: memory.max is below the memory in use: the kernel "
      "reclaims, and kills at once if that is not enough [L20]\n");
  EXPECT_EQ(render(Plan{}), "nothing to change\n");
}

TEST(PlanTest, Json) {
  Sample sample = fresh("/a\xff", 7);
  sample.pids_max.reset();
  const auto made =
      plan(snapshot({sample}), {policy("web", "[/a*, /z]", "cpu: {weight: 5}\npids: {max: 5}\n"),
                                policy("low", "/a*", "cpu: {weight: 6}\n", -1)});
  EXPECT_EQ(to_json(made), R"({
  "version": 1,
  "writes": [
    {
      "cgroup": "/a)"
                           "\xEF\xBF\xBD"
                           R"(",
      "id": 7,
      "file": "cpu.weight",
      "old": "100",
      "new": "5",
      "policy": "web",
      "position": {
        "file": "web.yaml",
        "line": 6,
        "column": 7
      },
      "mode": "enforce",
      "losers": [
        "low"
      ]
    }
  ],
  "later": [],
  "skips": [
    {
      "cgroup": "/a)"
                           "\xEF\xBF\xBD"
                           R"(",
      "file": "pids.max",
      "policy": "web",
      "position": {
        "file": "web.yaml",
        "line": 7,
        "column": 8
      },
      "reason": "the kernel offers no pids.max here",
      "rule": ""
    }
  ],
  "warnings": [
    {
      "position": {
        "file": "web.yaml",
        "line": 1,
        "column": 1
      },
      "severity": "warning",
      "message": "policy web: /z matches no cgroup",
      "rule": "L41"
    }
  ]
})");
}

TEST(PlanTest, OfManyCgroupsItPausesNowAndThenAndIsTheSame) {
  std::vector<Sample> samples;
  for (std::uint64_t i = 1; i <= 200; ++i) samples.push_back(fresh("/a" + std::to_string(i), i));
  const Snapshot taken = snapshot(std::move(samples));
  const std::vector<Policy> policies{policy("limits", "/*", "memory: {max: 64MiB}\n")};
  std::size_t pauses = 0;
  const Plan made = plan(taken, policies, {}, {}, [&] {
    ++pauses;
    (void)plan(taken, policies);
  });
  EXPECT_GE(pauses, 5U);
  EXPECT_EQ(writes(made), writes(plan(taken, policies)));
}

class LoopPlanTest : public ::testing::Test {
 protected:
  static Plan plan_of(std::vector<Policy> policies) {
    for (Policy& one : policies) one.loops_elsewhere = true;
    return policy::plan(snapshot({fresh("/a", 2)}), policies, {}, {});
  }
};

TEST_F(LoopPlanTest, WhatALoopFindsIsNoOtherPolicys) {
  const Plan made = plan_of(
      {policy("fixed", "/a", "cpu: {max: 0.5, burst: 20ms}\nmemory: {high: 64MiB}\n"),
       policy("loops", "/a",
              "adapt: {cpu: {floor: 10m, ceiling: 1}, memoryHigh: {floor: 16MiB, ceiling: 1GiB}}\n",
              10)});
  EXPECT_THAT(writes(made), IsEmpty());
  ASSERT_EQ(made.skips.size(), 3U);
  for (const Skip& skip : made.skips) EXPECT_EQ(skip.policy, "loops");
  EXPECT_EQ(made.skips.front().reason,
            "the loop of the policy (adapt) finds it, in the agent; it is max 100000");
}

TEST_F(LoopPlanTest, AFixedValueAboveALoopIsWritten) {
  const Plan made = plan_of({policy("fixed", "/a", "cpu: {max: 0.5}\n", 10),
                             policy("loops", "/a", "adapt: {cpu: {floor: 10m, ceiling: 1}}\n")});
  EXPECT_THAT(writes(made), ElementsAre("/a cpu.max: max 100000 -> 50000 100000"));
  ASSERT_EQ(made.writes.size(), 1U);
  EXPECT_THAT(made.writes.front().losers, ElementsAre("loops"));
}

TEST_F(LoopPlanTest, ALoopThatIsOnlyTriedOutLeavesWhatIsEnforced) {
  const Plan made =
      plan_of({policy("fixed", "/a", "cpu: {max: 0.5}\n"),
               policy("loops", "/a", "mode: plan\nadapt: {cpu: {floor: 10m, ceiling: 1}}\n", 10)});
  EXPECT_THAT(writes(made), ElementsAre("/a cpu.max: max 100000 -> 50000 100000"));
}

}  // namespace
}  // namespace cgwarden::policy
