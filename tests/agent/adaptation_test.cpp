// The loops of policies on snapshots: who runs where, what is wanted, and what is told.
#include "agent/adaptation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "exporters/self_metrics.h"
#include "tests/policy/loading.h"

namespace cgwarden::agent {
namespace {

using policy::Policy;
using policy::testing::policy_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::uint64_t kOneMiB = 1U << 20U;

// One cgroup /a and the root, whose numbers a test moves.
class AdaptationTest : public ::testing::Test {
 protected:
  AdaptationTest() {
    a_.id = CgroupId{7};
    a_.path = "/a";
    a_.cpu_max = cgroup::CpuMax{Usec{10'000}, Usec{100'000}};
    a_.cpu_max_burst = Usec{0};
    a_.cpu_stat = cgroup::CpuStat{};
    a_.cpu_stat->usage_usec = a_.cpu_stat->nr_periods = a_.cpu_stat->nr_throttled =
        a_.cpu_stat->throttled_usec = 0;
    a_.memory_current = Bytes{64 * kOneMiB};
    a_.memory_high = LimitOf<Bytes>(Bytes{64 * kOneMiB});
    a_.memory_max = LimitOf<Bytes>(Max{});
    a_.memory_events = cgroup::MemoryEvents{};
    a_.memory_events->high = 0;
    a_.memory_pressure = cgroup::Pressure{cgroup::PressureLine{}, cgroup::PressureLine{}};
    stat_.anon = 60 * kOneMiB;
    stat_.pgscan = stat_.pgsteal = 0;
    stat_.workingset_refault_anon = stat_.workingset_refault_file = 0;
    root_.id = CgroupId{1};
    root_.path = "/";
    root_.cpu_stat = cgroup::CpuStat{};
    root_.cpu_stat->usage_usec = 0;
  }

  // A second later.
  std::vector<AdaptDecision> tick(std::vector<Policy>& policies) {
    now_ += Usec{1'000'000};
    std::vector<cgroup::Sample> samples{root_, a_};
    samples.insert(samples.end(), below_.begin(), below_.end());
    const cgroup::Snapshot snapshot{TimePoint{now_, now_}, std::move(samples)};
    return adaptation_.tick(snapshot, policies);
  }
  std::vector<AdaptDecision> tick() {
    policies_ = given_;
    auto decisions = tick(policies_);
    for (const auto& decision : decisions) told_.emplace_back(decision.reason);
    return decisions;
  }
  void works(std::uint64_t usage, std::uint64_t throttled) {
    auto& stat = *a_.cpu_stat;
    *stat.usage_usec += usage;
    *stat.nr_periods += 10;
    *stat.nr_throttled += throttled;
    *stat.throttled_usec += throttled * 50'000;
  }
  void hangs() {
    *a_.memory_events->high += 1;
    a_.memory_pressure->full->total_usec += 950'000;
    a_.memory_pressure->some->total_usec += 990'000;
  }
  // What the enforcer would have made of it.
  void writes() {
    const auto* value = wanted();
    if (value == nullptr) return;
    if (value->cpu_max) a_.cpu_max = value->cpu_max;
    if (value->cpu_max_burst) a_.cpu_max_burst = value->cpu_max_burst;
    if (value->memory_high) a_.memory_high = value->memory_high;
  }
  [[nodiscard]] const policy::AdaptedValue* wanted(std::size_t place = 0) const {
    return policy::adapted_value(policies_.at(place).adapted.get(), a_.id);
  }
  [[nodiscard]] std::uint64_t wanted_quota() const {
    return std::get<Usec>(wanted()->cpu_max->quota).count();
  }

  policy::Access access_;
  std::map<std::string, policy::Access, std::less<>> accesses_;  // of others, by path
  std::vector<cgroup::Sample> below_;                            // of /a
  cgroup::MemoryStat stat_;
  Adaptation adaptation_{
      {.owner_of =
           [this](std::string_view path) {
             const auto known = accesses_.find(path);
             return known == accesses_.end() ? access_ : known->second;
           },
       .facts = {.cpus = 2, .swap = Bytes{0}},
       .memory_stat = [this](const std::string&) { return std::optional(stat_); },
       .swap_current = [](const std::string&) { return std::optional(Bytes{0}); },
       .kill_preference = [](const std::string&,
                             const std::string&) { return policy::adapt::KillPreference::none; }}};
  cgroup::Sample root_;
  cgroup::Sample a_;
  Usec now_{1'000'000};
  std::vector<Policy> given_;
  std::vector<Policy> policies_;
  std::vector<std::string> told_;
};

Policy cpu_loop(const std::string& name = "web", const std::string& more = "") {
  return policy_of(name, "/a", more + "adapt: {cpu: {floor: 50m, ceiling: 1}}\n");
}

TEST_F(AdaptationTest, AQuotaThatIsTooSmallIsRaisedAndToldWithItsInputs) {
  given_ = {cpu_loop()};
  const auto first = tick();
  ASSERT_EQ(first.size(), 1U);  // the burst
  EXPECT_EQ(first.front().text(),
            "the cpu loop of policy web: started, cpu.max 10000 100000 -> 10000 100000, "
            "cpu.max.burst 0 -> 10000; a quota between floor and ceiling is what it begins with");
  EXPECT_EQ(wanted_quota(), 10'000U);
  EXPECT_EQ(wanted()->cpu_max_burst, Usec{10'000});
  writes();
  std::vector<std::uint64_t> quotas;
  for (int i = 0; i < 6; ++i) {
    works(100'000, 10);
    for (const auto& decision : tick()) {
      EXPECT_EQ(decision.policy, "web");
      EXPECT_EQ(decision.id, a_.id);
      EXPECT_EQ(decision.numbers.at("throttled_periods"), 10U);
      EXPECT_EQ(decision.numbers.at("usage_usec"), 100'000U);
      EXPECT_THAT(decision.text(), HasSubstr("throttled in 10 of 10 periods"));
    }
    quotas.push_back(wanted_quota());
    writes();
  }
  EXPECT_TRUE(std::ranges::is_sorted(quotas));
  EXPECT_GT(quotas.back(), 50'000U);
  EXPECT_THAT(told_, ::testing::Contains("backlog"));
}

// Between two ticks.
class AdaptationLookTest : public AdaptationTest {
 protected:
  // 100 ms later.
  std::vector<AdaptDecision> look(Usec after = Usec{100'000}) {
    now_ += after;
    const std::array<Adaptation::CpuLook, 1> looks{{{&a_, TimePoint{now_, now_}}}};
    return adaptation_.look(looks, policies_);
  }
  // Throttled for a whole period.
  void is_throttled() {
    *a_.cpu_stat->usage_usec += 10'000;
    *a_.cpu_stat->nr_periods += 1;
    *a_.cpu_stat->nr_throttled += 1;
    *a_.cpu_stat->throttled_usec += 90'000;
  }
  // In force, and all of it used.
  void begin(const std::string& more = "") {
    given_ = {cpu_loop("web", more)};
    (void)tick();
    writes();
    works(100'000, 0);
    (void)tick();
    told_.clear();
  }
};

TEST_F(AdaptationLookTest, ABacklogIsFoundWithoutWaitingForATick) {
  begin();
  ASSERT_EQ(adaptation_.cpu_loops(), (std::vector<Adaptation::CpuLoop>{{a_.id, "/a"}}));
  is_throttled();
  const auto decisions = look();
  ASSERT_EQ(decisions.size(), 1U);
  EXPECT_EQ(decisions.front().reason, "backlog");
  EXPECT_EQ(decisions.front().policy, "web");
  EXPECT_EQ(decisions.front().cgroup, "/a");
  EXPECT_EQ(decisions.front().id, a_.id);
  EXPECT_EQ(decisions.front().numbers.at("length_usec"), 100'000U);
  EXPECT_GT(wanted_quota(), 10'000U);
}

TEST_F(AdaptationLookTest, ATickAfterALookCountsNothingTwice) {
  begin();
  is_throttled();
  ASSERT_EQ(look().size(), 1U);
  const auto raised = wanted_quota();
  writes();
  // The snapshot is as old as the look, or older.
  const cgroup::Snapshot snapshot{TimePoint{now_, now_}, {root_, a_}};
  policies_ = given_;
  EXPECT_THAT(adaptation_.tick(snapshot, policies_), IsEmpty());
  EXPECT_EQ(wanted_quota(), raised);
}

TEST_F(AdaptationLookTest, LooksThatComeTooCloseAreOne) {
  begin();
  is_throttled();
  EXPECT_THAT(look(Usec{1'000}), IsEmpty());
  const auto decisions = look();
  ASSERT_EQ(decisions.size(), 1U);
  EXPECT_EQ(decisions.front().numbers.at("length_usec"), 101'000U);
  EXPECT_EQ(decisions.front().numbers.at("throttled_periods"), 1U);
}

TEST_F(AdaptationLookTest, AQuotaThatSomebodyElseWroteIsLeftToTheTick) {
  begin();
  a_.cpu_max = cgroup::CpuMax{Usec{5'000}, Usec{100'000}};
  is_throttled();
  EXPECT_THAT(look(), IsEmpty());
  EXPECT_EQ(wanted_quota(), 10'000U);
}

TEST_F(AdaptationLookTest, OneThatIsUnknownByNowIsNotLookedAt) {
  begin();
  a_.id = CgroupId{8};
  is_throttled();
  EXPECT_THAT(look(), IsEmpty());
}

TEST_F(AdaptationLookTest, ALookSeesTheEndOfAPeriod) {
  a_.cpu_max = cgroup::CpuMax{Usec{100'000}, Usec{1'000'000}};
  given_ = {policy_of("web", "/a", "adapt: {cpu: {floor: 50m, ceiling: 1, period: 1s}}\n")};
  (void)tick();
  writes();
  works(200'000, 0);
  (void)tick();
  for (int i = 0; i < 9; ++i) {
    *a_.cpu_stat->usage_usec += 10'000;
    EXPECT_THAT(look(), IsEmpty());
  }
  *a_.cpu_stat->nr_periods += 1;
  *a_.cpu_stat->nr_throttled += 1;
  *a_.cpu_stat->throttled_usec += 900'000;
  const auto decisions = look();
  ASSERT_EQ(decisions.size(), 1U);
  EXPECT_EQ(decisions.front().reason, "backlog");
  EXPECT_EQ(decisions.front().numbers.at("length_usec"), 1'000'000U);
}

TEST_F(AdaptationLookTest, WhatIsPlannedAndWhatSystemdWritesWaitsForTheTick) {
  begin("mode: plan\n");
  EXPECT_THAT(adaptation_.cpu_loops(), IsEmpty());
  access_.through = policy::Through::systemd;
  begin();
  EXPECT_THAT(adaptation_.cpu_loops(), IsEmpty());
}

TEST_F(AdaptationTest, NothingIsDecidedFromAQuotaThatIsNotInForce) {
  given_ = {cpu_loop()};
  (void)tick();
  told_.clear();
  for (int i = 0; i < 20; ++i) {
    works(100'000, 10);
    (void)tick();
    EXPECT_EQ(wanted_quota(), 10'000U);
    EXPECT_EQ(wanted()->cpu_max_burst, Usec{10'000});
  }
  EXPECT_THAT(told_, IsEmpty());
  writes();
  works(100'000, 10);
  EXPECT_EQ(tick().size(), 1U);
  EXPECT_GT(wanted_quota(), 10'000U);
}

// Somebody else's value is drift, which the enforcer repairs: it is still wanted.
TEST_F(AdaptationTest, SomebodyElsesQuotaIsNotTakenOver) {
  given_ = {cpu_loop()};
  (void)tick();
  writes();
  a_.cpu_max = cgroup::CpuMax{Usec{90'000}, Usec{100'000}};
  EXPECT_THAT(tick(), IsEmpty());
  EXPECT_EQ(wanted_quota(), 10'000U);
}

TEST_F(AdaptationTest, AnAgentThatComesBackGoesOnWithTheQuotaThatThereIs) {
  a_.cpu_max_burst = Usec{10'000};
  given_ = {cpu_loop()};
  EXPECT_THAT(tick(), IsEmpty());
  EXPECT_EQ(wanted_quota(), 10'000U);
}

TEST_F(AdaptationTest, AUnitOfSystemdHasNoBurstAndItsRoundingIsTheSameQuota) {
  access_.through = policy::Through::systemd;
  a_.cpu_max = cgroup::CpuMax{Usec{4'000}, Usec{100'000}};
  given_ = {cpu_loop()};
  EXPECT_EQ(tick().size(), 1U);
  EXPECT_EQ(wanted_quota(), 5'000U);
  EXPECT_FALSE(wanted()->cpu_max_burst);
  a_.cpu_max = cgroup::CpuMax{Usec{5'500}, Usec{100'000}};
  works(50'000, 10);
  EXPECT_EQ(tick().size(), 1U);
  EXPECT_GT(wanted_quota(), 5'000U);
}

TEST_F(AdaptationTest, ModePlanDecidesFromWhatThereIsAndTellsTheSameOnce) {
  given_ = {cpu_loop("web", "mode: plan\n")};
  std::size_t told = 0;
  for (int i = 0; i < 100; ++i) {
    works(10'000, 10);
    for (const auto& decision : tick()) {
      EXPECT_TRUE(decision.planned);
      EXPECT_THAT(decision.text(), HasSubstr("would write cpu.max 10000 100000 -> "));
      ++told;
    }
    // As from 10000: it does not climb on what it has not written.
    EXPECT_LE(wanted_quota(), 60'000U);
  }
  EXPECT_EQ(told, 2U);  // the burst, and the backlog
}

TEST_F(AdaptationTest, ALoopRunsWhereItWinsItsKnob) {
  const Policy fixed = policy_of("fixed", "/a", "cpu: {max: 0.5}\n");
  Policy above = fixed;
  above.priority = 1;
  given_ = {cpu_loop(), above};
  (void)tick();
  EXPECT_EQ(wanted(), nullptr);
  Policy below = fixed;
  below.priority = -1;
  given_ = {cpu_loop(), below};
  (void)tick();
  EXPECT_NE(wanted(), nullptr);
  // One that is only tried out hides nothing.
  above.mode = policy::Mode::plan;
  given_ = {cpu_loop(), above};
  (void)tick();
  EXPECT_NE(wanted(), nullptr);
  Policy planned = cpu_loop("tried", "mode: plan\n");
  planned.priority = 2;
  given_ = {fixed, planned};
  (void)tick();
  EXPECT_NE(wanted(1), nullptr);
  planned.priority = -2;
  given_ = {fixed, planned};
  (void)tick();
  EXPECT_EQ(wanted(1), nullptr);
}

TEST_F(AdaptationTest, WhatMayNotBeWrittenHasNoLoop) {
  access_.refusal = "it is protected";
  given_ = {cpu_loop()};
  EXPECT_THAT(tick(), IsEmpty());
  EXPECT_EQ(wanted(), nullptr);
  EXPECT_EQ(adaptation_.cgroups(), 0U);
  access_.adoptable = true;
  given_ = {cpu_loop("web", "owner: adopt\n")};
  EXPECT_EQ(tick().size(), 1U);
}

Policy guard(const std::string& action, const std::string& more = "") {
  return policy_of("guard", "/a",
                   more + "adapt: {stall: {action: " + action + ", killAfter: 20s}}\n");
}

TEST_F(AdaptationTest, AStallIsToldAndRaisedWithinTenSeconds) {
  given_ = {guard("raise", "memory: {high: 64MiB}\n")};
  (void)tick();
  EXPECT_FALSE(wanted()->memory_high);
  int seconds = 0;
  while (told_.empty() && seconds < 60) {
    // The kernel lets a task sleep for two seconds: not every one shows an event.
    hangs();
    if (seconds % 2 == 0) --*a_.memory_events->high;
    (void)tick();
    ++seconds;
  }
  EXPECT_LE(seconds, 10);
  EXPECT_THAT(told_, ElementsAre("notify"));
  while (told_.size() < 2 && seconds++ < 60) {
    hangs();
    const auto decisions = tick();
    if (decisions.empty()) continue;
    EXPECT_THAT(decisions.front().text(), HasSubstr("raise, memory.high 64.0 MiB -> 70.4 MiB"));
    EXPECT_EQ(decisions.front().numbers.at("pgscan"), 0U);
  }
  ASSERT_THAT(told_, ElementsAre("notify", "raise"));
  EXPECT_LE(seconds, 10);
  EXPECT_GT(std::get<Bytes>(*wanted()->memory_high).value, 70 * kOneMiB);
  writes();
  // It goes on, and what was raised stays.
  for (int i = 0; i < 12; ++i) (void)tick();
  EXPECT_THAT(told_, ElementsAre("notify", "raise", "over"));
  EXPECT_GT(std::get<Bytes>(*wanted()->memory_high).value, 70 * kOneMiB);
}

TEST_F(AdaptationTest, AStallThatOnlyMayBeToldIsNotRaised) {
  Policy above = policy_of("above", "/a", "memory: {high: 64MiB}\n");
  above.priority = 1;
  given_ = {guard("raise"), above};
  for (int i = 0; i < 60; ++i) {
    hangs();
    (void)tick();
  }
  EXPECT_THAT(told_, ElementsAre("notify"));
  EXPECT_FALSE(wanted()->memory_high);
}

TEST_F(AdaptationTest, AStallThatRaisesDoNotEndIsKilledOnce) {
  given_ = {guard("kill")};
  std::size_t kills = 0;
  for (int i = 0; i < 120; ++i) {
    hangs();
    for (const auto& decision : tick()) kills += decision.kill ? 1 : 0;
    writes();
    // It takes all that it is given.
    a_.memory_current = std::get<Bytes>(*a_.memory_high);
  }
  EXPECT_EQ(kills, 1U);
}

TEST_F(AdaptationTest, AStallOfWhatHoldsSomethingProtectedIsToldAndRaisedAndNeverKilled) {
  cgroup::Sample below;
  below.id = CgroupId{8};
  below.path = "/a/ssh.service";
  for (const auto* path : {"/a/ssh.service", "/a/web.scope/supervisor"}) {
    below.path = path;
    below_ = {below};
    accesses_.clear();
    if (below.path == "/a/ssh.service") accesses_[path] = {.refusal = "it is protected"};
    a_.id.value += 10;  // another instance
    given_ = {guard("kill")};
    std::vector<std::string> refused;
    std::size_t raises = 0;
    for (int i = 0; i < 120; ++i) {
      hangs();
      for (const auto& decision : tick()) {
        EXPECT_FALSE(decision.kill) << decision.text();
        raises += decision.reason == "raise" ? 1 : 0;
        if (decision.because.contains("not killed")) refused.push_back(decision.text());
      }
      writes();
      a_.memory_current = std::get<Bytes>(*a_.memory_high);
    }
    EXPECT_GT(raises, 0U);
    ASSERT_EQ(refused.size(), 1U);
    EXPECT_THAT(refused.front(), HasSubstr("the stall loop of policy guard: notify"));
    EXPECT_THAT(refused.front(), HasSubstr(std::string("it holds ") + path));
  }
}

TEST_F(AdaptationTest, MemoryThatIsReclaimedIsNoStall) {
  given_ = {guard("kill")};
  for (int i = 0; i < 60; ++i) {
    hangs();
    *stat_.pgscan += 100;
    *stat_.pgsteal += 100;
    *stat_.workingset_refault_file += 20;
    (void)tick();
  }
  EXPECT_THAT(told_, IsEmpty());
}

// As Linux 6.12 counted it in the cgroup of a program whose anonymous memory is all there is: its
// own text is taken and comes back.
TEST_F(AdaptationTest, ReclaimOfWhatComesBackAtOnceIsAStall) {
  given_ = {guard("raise", "memory: {high: 64MiB}\n")};
  (void)tick();
  int seconds = 0;
  while (told_.size() < 2 && seconds++ < 60) {
    hangs();
    *stat_.pgscan += 1300;
    *stat_.pgsteal += 860 + (seconds % 3 == 0 ? 2U : 0U);
    *stat_.workingset_refault_file += 860;
    for (const auto& decision : tick()) {
      EXPECT_THAT(decision.text(),
                  ::testing::ContainsRegex("reclaim took 2[0-9]+ pages and 2[0-9]+ came back"));
    }
  }
  EXPECT_THAT(told_, ElementsAre("notify", "raise"));
  EXPECT_LE(seconds, 10);
}

TEST_F(AdaptationTest, BeforeReclaimWasCountedAsAWholeAStallIsToldWithoutIt) {
  given_ = {guard("raise")};
  stat_.pgscan = stat_.pgsteal = std::nullopt;
  for (int i = 0; i < 12; ++i) {
    hangs();
    (void)tick();
  }
  EXPECT_THAT(told_, ::testing::Contains("notify"));
}

TEST_F(AdaptationTest, MemoryHighIsLoweredUntilItIsFelt) {
  given_ = {policy_of("lean", "/a", "adapt: {memoryHigh: {floor: 32MiB, ceiling: 1GiB}}\n")};
  stat_.anon = 8 * kOneMiB;
  a_.memory_high = LimitOf<Bytes>(Max{});
  const auto first = tick();
  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(first.front().reason, "started");
  EXPECT_EQ(wanted()->memory_high, LimitOf<Bytes>(Bytes{64 * kOneMiB}));
  writes();
  told_.clear();
  for (int i = 0; i < 8; ++i) {
    (void)tick();
    writes();
  }
  EXPECT_THAT(told_, ElementsAre("probed"));
  const Bytes probed = std::get<Bytes>(*wanted()->memory_high);
  EXPECT_LT(probed.value, 64 * kOneMiB);
  // Never where nothing can be reclaimed.
  stat_.anon = 100 * kOneMiB;
  for (int i = 0; i < 8; ++i) {
    hangs();
    (void)tick();
    writes();
  }
  EXPECT_GE(std::get<Bytes>(*wanted()->memory_high).value, 105 * kOneMiB);
}

// The catalog of metrics names what the loops tell, and nothing else.
TEST_F(AdaptationTest, TheMetricKnowsEveryReasonThatIsTold) {
  std::vector<std::string> named;
  for (const auto& row : exporters::kAdaptReasons) {
    named.push_back(std::string(row.loop) + " " + std::string(row.reason));
  }
  std::vector<std::string> told{"cpu started", "memory_high started"};
  using policy::adapt::CpuReason;
  for (const auto reason : {CpuReason::throttled, CpuReason::backlog, CpuReason::rolled_back,
                            CpuReason::unused, CpuReason::node_busy, CpuReason::at_ceiling}) {
    told.push_back("cpu " + std::string(to_string(reason)));
  }
  using policy::adapt::MemoryHighReason;
  for (const auto reason :
       {MemoryHighReason::probed, MemoryHighReason::backed_off, MemoryHighReason::foreign}) {
    told.push_back("memory_high " + std::string(to_string(reason)));
  }
  using policy::adapt::StallAction;
  for (const auto action :
       {StallAction::notify, StallAction::raise, StallAction::kill, StallAction::over}) {
    told.push_back("stall " + std::string(to_string(action)));
  }
  told.insert(told.end(), {"time_to_oom warned", "time_to_oom over"});
  using policy::adapt::KillReason;
  for (const auto reason : {KillReason::killed, KillReason::easing, KillReason::cooling_down,
                            KillReason::over_budget, KillReason::no_candidate}) {
    told.push_back("kill " + std::string(to_string(reason)));
  }
  EXPECT_THAT(named, ::testing::UnorderedElementsAreArray(told));
}

}  // namespace
}  // namespace cgwarden::agent
