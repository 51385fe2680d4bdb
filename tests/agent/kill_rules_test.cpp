// The kill rules of policies on snapshots: who is watched, who may be killed, and what is told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "agent/adaptation.h"
#include "agent/ownership.h"
#include "tests/policy/loading.h"

namespace cgwarden::agent {
namespace {

using policy::Policy;
using policy::adapt::KillPreference;
using policy::testing::policy_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::uint64_t kMebi = 1U << 20U;

// /watched with /watched/big and /watched/small, and whatever a test puts beside them.
class KillRulesTest : public ::testing::Test {
 protected:
  KillRulesTest() {
    put("/watched", 1, 700);
    put("/watched/big", 2, 500);
    put("/watched/small", 3, 100);
  }

  cgroup::Sample& put(const std::string& path, std::uint64_t id, std::uint64_t mebi) {
    cgroup::Sample& sample = samples_[path];
    sample.path = path;
    sample.id = CgroupId{id};
    sample.memory_current = Bytes{mebi * kMebi};
    sample.memory_pressure = cgroup::Pressure{cgroup::PressureLine{}, cgroup::PressureLine{}};
    sample.cgroup_events = cgroup::CgroupEvents{.populated = true, .frozen = false};
    return sample;
  }
  // A second of it, with so much of the time lost by all tasks.
  std::vector<AdaptDecision> second(double full, const std::string& path = "/watched") {
    now_ += Usec{1'000'000};
    auto& line = *samples_.at(path).memory_pressure->full;
    line.total_usec += static_cast<std::uint64_t>(full * 1e6);
    line.avg10 += (full * 100 - line.avg10) / 10;
    std::vector<cgroup::Sample> all;
    for (const auto& [name, sample] : samples_) all.push_back(sample);
    std::vector<Policy> policies = given_;
    return adaptation_.tick(cgroup::Snapshot{TimePoint{now_, now_}, std::move(all)}, policies);
  }
  std::vector<AdaptDecision> seconds(int count, double full) {
    std::vector<AdaptDecision> all;
    for (int i = 0; i < count; ++i) {
      for (auto& decision : second(full)) all.push_back(std::move(decision));
    }
    return all;
  }

  std::map<std::string, KillPreference> marks_;
  std::vector<std::string> protected_;
  Adaptation adaptation_{
      {.owner_of = [this](std::string_view path) { return owner_of(path, true, protected_); },
       .facts = {2, {}, Bytes{0}, {}, {}, {}},
       .memory_stat =
           [this](const std::string& path) {
             cgroup::MemoryStat stat;
             stat.anon = samples_.at(path).memory_current->value / 2;
             return std::optional(stat);
           },
       .swap_current = [](const std::string&) { return std::optional(Bytes{0}); },
       .kill_preference =
           [this](const std::string& path, const std::string&) {
             const auto known = marks_.find(path);
             return known == marks_.end() ? KillPreference::none : known->second;
           }}};
  std::map<std::string, cgroup::Sample> samples_;
  std::vector<Policy> given_{
      policy_of("guard", "/watched", "adapt: {kill: {full: 0.6, lasting: 5s, budget: 2}}\n")};
  Usec now_{1'000'000};
};

std::vector<std::string> reasons(const std::vector<AdaptDecision>& decisions) {
  std::vector<std::string> out;
  for (const auto& decision : decisions) {
    out.push_back(std::string(decision.reason) + " " + decision.cgroup);
  }
  return out;
}

TEST_F(KillRulesTest, TheLargestIsKilledAfterPressureThatLasts) {
  EXPECT_THAT(seconds(6, 0.9), IsEmpty());
  const auto decisions = second(0.9);
  ASSERT_THAT(reasons(decisions), ElementsAre("killed /watched/big"));
  const AdaptDecision& decision = decisions.front();
  EXPECT_EQ(decision.policy, "guard");
  EXPECT_EQ(decision.id, CgroupId{2});
  EXPECT_TRUE(decision.kill);
  EXPECT_FALSE(decision.planned);
  EXPECT_THAT(decision.text(),
              HasSubstr("all tasks of /watched waited for memory in 90 % of the last 2 s"));
  EXPECT_THAT(decision.text(), HasSubstr("over 60 % for 5.00 s"));
  EXPECT_THAT(decision.text(), HasSubstr("of 2 candidates by size or growth it was the first: "
                                         "/watched/big (500.0 MiB); /watched/small (100.0 MiB)"));
  EXPECT_EQ(decision.numbers.at("current_bytes"), 500 * kMebi);
  EXPECT_EQ(decision.numbers.at("anon_bytes"), 250 * kMebi);
  EXPECT_EQ(decision.numbers.at("candidates"), 2U);
}

TEST_F(KillRulesTest, ModePlanSaysWhomItWouldKill) {
  given_ = {policy_of("guard", "/watched",
                      "mode: plan\nadapt: {kill: {full: 0.6, lasting: 5s, budget: 2}}\n")};
  const auto decisions = seconds(7, 0.9);
  ASSERT_THAT(reasons(decisions), ElementsAre("killed /watched/big"));
  EXPECT_TRUE(decisions.front().planned);
  EXPECT_THAT(decisions.front().text(), HasSubstr("would kill all of its processes"));
}

TEST_F(KillRulesTest, WhyNobodyIsKilledIsToldOnceUntilItChanges) {
  protected_ = {"/watched/*"};
  EXPECT_THAT(reasons(seconds(12, 0.9)), ElementsAre("no_candidate /watched"));
  EXPECT_THAT(seconds(3, 0), IsEmpty());
  // It eases before it is over, and is told anew the next time.
  EXPECT_THAT(seconds(10, 0), IsEmpty());
  EXPECT_THAT(reasons(seconds(9, 0.9)), ElementsAre("no_candidate /watched"));
}

TEST_F(KillRulesTest, TheBudgetAndTheCoolDownAreToldAsReasons) {
  const auto decisions = seconds(60, 0.9);
  EXPECT_THAT(reasons(decisions),
              ElementsAre("killed /watched/big", "cooling_down /watched", "killed /watched/big",
                          "cooling_down /watched", "over_budget /watched"));
}

TEST_F(KillRulesTest, ProtectedOnesAndWhatHoldsOneAreLeftAlone) {
  put("/watched/big/inner", 20, 400);
  samples_.at("/watched/big").memory_oom_group = true;
  EXPECT_THAT(reasons(seconds(7, 0.9)), ElementsAre("killed /watched/big"));
  protected_ = {"/watched/big/inner"};
  EXPECT_THAT(reasons(seconds(16, 0.9)),
              ElementsAre("cooling_down /watched", "killed /watched/small"));
}

TEST_F(KillRulesTest, AGroupIsKilledAsAWholeAndOthersByTheirLeaves) {
  put("/watched/big/inner", 20, 90);
  put("/watched/big/other", 21, 410);
  EXPECT_THAT(reasons(seconds(7, 0.9)), ElementsAre("killed /watched/big/other"));
}

TEST_F(KillRulesTest, TheShimOfAWorkloadIsNoCandidate) {
  given_ = {policy_of("guard", "/cgwarden.slice",
                      "adapt: {kill: {full: 0.6, lasting: 5s, budget: 2}}\n")};
  put("/cgwarden.slice", 30, 50);
  put("/cgwarden.slice/a.scope", 31, 50);
  put("/cgwarden.slice/a.scope/supervisor", 32, 40);
  put("/cgwarden.slice/a.scope/payload", 33, 10);
  std::vector<AdaptDecision> all;
  for (int i = 0; i < 7; ++i) {
    for (auto& decision : second(0.9, "/cgwarden.slice")) all.push_back(std::move(decision));
  }
  EXPECT_THAT(reasons(all), ElementsAre("killed /cgwarden.slice/a.scope/payload"));
}

TEST_F(KillRulesTest, MarksAreHeeded) {
  marks_["/watched/big"] = KillPreference::avoid;
  EXPECT_THAT(reasons(seconds(7, 0.9)), ElementsAre("killed /watched/small"));
  marks_["/watched/small"] = KillPreference::omit;
  EXPECT_THAT(reasons(seconds(16, 0.9)),
              ElementsAre("cooling_down /watched", "killed /watched/big"));
}

TEST_F(KillRulesTest, ProtectedMemoryCountsForLess) {
  samples_.at("/watched").memory_low = LimitOf<Bytes>(Bytes{450 * kMebi});
  samples_.at("/watched/big").memory_low = LimitOf<Bytes>(Bytes{450 * kMebi});
  put("/watched/other", 4, 460);
  EXPECT_THAT(reasons(seconds(7, 0.9)), ElementsAre("killed /watched/other"));
}

TEST_F(KillRulesTest, WhatTheParentDoesNotPassOnProtectsNothing) {
  samples_.at("/watched").memory_low = LimitOf<Bytes>(Bytes{0});
  samples_.at("/watched/big").memory_low = LimitOf<Bytes>(Bytes{450 * kMebi});
  put("/watched/other", 4, 460);
  EXPECT_THAT(reasons(seconds(7, 0.9)), ElementsAre("killed /watched/big"));
}

TEST_F(KillRulesTest, ACgroupThatComesUnderTheSamePathBeginsAnew) {
  EXPECT_THAT(seconds(4, 0.9), IsEmpty());
  samples_.erase("/watched");
  put("/watched", 100, 700);
  EXPECT_THAT(seconds(6, 0.9), IsEmpty());
  EXPECT_THAT(reasons(second(0.9)), ElementsAre("killed /watched/big"));
}

TEST_F(KillRulesTest, ARuleOfAHigherPolicyWatchesInPlaceOfALowerOne) {
  given_.push_back(
      policy_of("above", "/watched", "adapt: {kill: {full: 0.6, lasting: 3s, budget: 1}}\n"));
  given_.back().priority = 5;
  const auto decisions = seconds(30, 0.9);
  ASSERT_FALSE(decisions.empty());
  for (const auto& decision : decisions) EXPECT_EQ(decision.policy, "above");
}

TEST_F(KillRulesTest, AnotherRulesKillIsWaitedFor) {
  given_.push_back(policy_of("all", "/", "adapt: {kill: {full: 0.6, lasting: 5s, budget: 2}}\n"));
  cgroup::Sample& root = put("/", 50, 900);
  root.memory_pressure->full->avg10 = 90;
  // Both see it, one kills.
  std::vector<std::string> told;
  for (int i = 0; i < 9; ++i) {
    samples_.at("/").memory_pressure->full->total_usec += 900'000;
    for (const auto& reason : reasons(second(0.9))) told.push_back(reason);
  }
  EXPECT_EQ(std::ranges::count(told, "killed /watched/big"), 1) << told.size();
}

// Time to OOM, with the limit that is hit first.
TEST_F(KillRulesTest, AForecastNamesTheAncestorAndIsOverWhenItShrinks) {
  given_ = {policy_of("told", "/watched/big", "adapt: {timeToOom: {warn: 5min}}\n")};
  samples_.at("/watched/big").memory_max = LimitOf<Bytes>(Max{});
  samples_.at("/watched").memory_max = LimitOf<Bytes>(Bytes{1024 * kMebi});
  std::vector<AdaptDecision> told;
  for (std::uint64_t i = 0; i < 40; ++i) {
    // Half of it is anonymous.
    samples_.at("/watched/big").memory_current = Bytes{(100 + 8 * i) * kMebi};
    samples_.at("/watched").memory_current = Bytes{(600 + 8 * i) * kMebi};
    for (auto& decision : second(0)) told.push_back(std::move(decision));
  }
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told.front().loop, "time_to_oom");
  EXPECT_EQ(told.front().reason, "warned");
  EXPECT_EQ(told.front().bound, "/watched");
  EXPECT_EQ(told.front().cgroup, "/watched/big");
  EXPECT_THAT(told.front().text(), HasSubstr("memory.max of /watched is hit in "));
  EXPECT_EQ(adaptation_.forecasts().cgroups, 1U);
  EXPECT_LT(*adaptation_.forecasts().nearest, Usec{300'000'000});
  EXPECT_TRUE(adaptation_.warns_of(CgroupId{2}));
  samples_.at("/watched/big").memory_current = Bytes{100 * kMebi};
  const auto over = seconds(90, 0);
  ASSERT_EQ(over.size(), 1U);
  EXPECT_EQ(over.front().reason, "over");
  EXPECT_EQ(adaptation_.forecasts().cgroups, 0U);
}

}  // namespace
}  // namespace cgwarden::agent
