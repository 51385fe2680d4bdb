// allowUnmanagedKnobs: what systemd has no property for, and a burst beside its quota.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "policy/plan.h"
#include "policy/unit_value.h"
#include "tests/policy/loading.h"

namespace cgwarden::policy {
namespace {

using cgroup::CpuMax;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::string kService = "/system.slice/a.service";

cgroup::Sample service(std::uint64_t quota, std::uint64_t burst) {
  cgroup::Sample sample;
  sample.path = kService;
  sample.id = CgroupId{2};
  sample.cpu_max = CpuMax{Usec{quota}, Usec{100000}};
  sample.cpu_max_burst = Usec{burst};
  return sample;
}

Plan plan_of(const cgroup::Sample& sample, const std::string& lines) {
  return plan(cgroup::Snapshot(TimePoint{}, {sample}), {testing::policy_of("p", kService, lines)},
              [](std::string_view) { return Access{.through = Through::systemd}; });
}

std::vector<std::string> shown(const Plan& made) {
  std::vector<std::string> out;
  for (const Write& write : made.writes) {
    out.push_back(write.file + " " + write.old_value + " -> " + write.new_value +
                  (write.through == Through::systemd ? " systemd" : "") +
                  (write.step ? " step" : ""));
  }
  for (const Write& write : made.later) {
    out.push_back("later " + write.file + " " + write.old_value + " -> " + write.new_value);
  }
  for (const Held& held : made.held) out.push_back("held " + held.file + " " + held.value);
  return out;
}

const std::string kBoth = "allowUnmanagedKnobs: true\ncpu: {max: 0.5, burst: 40ms}\n";

TEST(UnitBurst, GoesToZeroBeforeTheQuotaAndBackAfterIt) {
  EXPECT_THAT(
      shown(plan_of(service(80000, 40000), kBoth)),
      ElementsAre("cpu.max.burst 40000 -> 0 step", "cpu.max 80000 100000 -> 50000 100000 systemd",
                  "later cpu.max.burst 0 -> 40000"));
  // systemd takes its time: the burst stays down.
  EXPECT_THAT(shown(plan_of(service(80000, 0), kBoth)),
              ElementsAre("cpu.max 80000 100000 -> 50000 100000 systemd",
                          "later cpu.max.burst 0 -> 40000", "held cpu.max.burst 0"));
  EXPECT_THAT(shown(plan_of(service(50000, 0), kBoth)),
              ElementsAre("cpu.max.burst 0 -> 40000", "held cpu.max 50000 100000"));
  EXPECT_THAT(shown(plan_of(service(50000, 40000), kBoth)),
              ElementsAre("held cpu.max 50000 100000", "held cpu.max.burst 40000"));
}

TEST(UnitBurst, AnotherBurstAloneIsOneWrite) {
  EXPECT_THAT(shown(plan_of(service(50000, 10000), kBoth)),
              ElementsAre("cpu.max.burst 10000 -> 40000", "held cpu.max 50000 100000"));
  EXPECT_THAT(
      shown(
          plan_of(service(80000, 10000), "allowUnmanagedKnobs: true\ncpu: {max: 0.5, burst: 0}\n")),
      ElementsAre("cpu.max.burst 10000 -> 0", "cpu.max 80000 100000 -> 50000 100000 systemd"));
}

TEST(UnitBurst, PlanShowsAllOfItInOrder) {
  const Plan made = plan_of(service(80000, 10000), kBoth);
  EXPECT_THAT(shown(made), ElementsAre("cpu.max.burst 10000 -> 0 step",
                                       "cpu.max 80000 100000 -> 50000 100000 systemd",
                                       "later cpu.max.burst 0 -> 40000"));
  const std::string text = render(made);
  const std::size_t down = text.find("10000 -> 0 ");
  const std::size_t quota = text.find("80000 100000");
  const std::size_t up = text.find("0 -> 40000 ", quota);
  ASSERT_NE(up, std::string::npos) << text;
  EXPECT_LT(down, quota) << text;
  EXPECT_NE(text.find("after the above", up), std::string::npos) << text;
  const auto json = nlohmann::json::parse(to_json(made));
  EXPECT_EQ(json.at("writes").size(), 2U);
  EXPECT_EQ(json.at("writes").at(0).at("step"), true);
  EXPECT_EQ(json.at("later").at(0).at("file"), "cpu.max.burst");
  EXPECT_EQ(json.at("later").at(0).at("new"), "40000");
}

TEST(UnitBurst, PlansThatAreOnlyTriedShowTheSame) {
  EXPECT_THAT(
      shown(plan_of(service(80000, 40000), "mode: plan\n" + kBoth)),
      ElementsAre("cpu.max.burst 40000 -> 0 step", "cpu.max 80000 100000 -> 50000 100000 systemd",
                  "later cpu.max.burst 0 -> 40000"));
}

TEST(UnitBurst, OfSomebodyElseIsLeftAlone) {
  EXPECT_THAT(
      shown(plan_of(service(80000, 40000), "cpu: {max: 0.5, burst: 40ms}\n")),
      ElementsAre("cpu.max 80000 100000 -> 50000 100000 systemd", "held cpu.max.burst 40000"));
}

TEST(UnmanagedKnobs, AreWrittenDirectlyWhenThePolicySaysSo) {
  cgroup::Sample sample = service(50000, 0);
  sample.memory_oom_group = false;
  EXPECT_THAT(plan_of(sample, "memory: {oom.group: true}\n").writes, IsEmpty());
  EXPECT_THAT(shown(plan_of(sample, "allowUnmanagedKnobs: true\nmemory: {oom.group: true}\n")),
              ElementsAre("memory.oom.group 0 -> 1"));
}

TEST(UnitValue, DeviceLimitsHaveProperties) {
  EXPECT_EQ(value_through_systemd("io.max", "8:0 rbps=1048576"), "8:0 rbps=1048576");
  EXPECT_EQ(value_through_systemd("io.latency", "8:0 target=10000"), "8:0 target=10000");
  EXPECT_EQ(value_through_systemd("io.weight", "default 50"), "default 50");
  EXPECT_EQ(value_through_systemd("io.weight", "8:0 50"), std::nullopt);
}

}  // namespace
}  // namespace cgwarden::policy
