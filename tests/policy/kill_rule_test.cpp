#include "policy/adapt/kill_rule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

namespace cgwarden::policy::adapt {
namespace {

constexpr std::uint64_t kMega = 1'000'000;

KillCandidate candidate(std::uint64_t id, std::uint64_t megabytes) {
  KillCandidate out;
  out.id = CgroupId{id};
  out.path = "/watched/" + std::to_string(id);
  out.populated = true;
  out.current = Bytes{megabytes * kMega};
  out.average = out.current;
  out.anon = out.current;
  return out;
}

KillTarget target(std::uint64_t id, double pressure, std::vector<KillCandidate> candidates) {
  return {CgroupId{id}, "/watched", pressure, std::nullopt,
          [candidates = std::move(candidates)] { return candidates; }};
}

// The kill, or the first reason for none.
std::optional<KillDecision> decide(KillRuleState& state, Usec now,
                                   const std::vector<KillTarget>& targets) {
  const auto decisions = state.tick(now, targets);
  if (decisions.empty()) return std::nullopt;
  return decisions.back().reason == KillReason::killed ? decisions.back() : decisions.front();
}
std::optional<KillReason> reason(KillRuleState& state, Usec now,
                                 const std::vector<KillTarget>& targets) {
  const auto decision = decide(state, now, targets);
  return decision ? std::optional(decision->reason) : std::nullopt;
}

KillRule ten_seconds() {
  KillRule rule;
  rule.lasting = Usec{10'000'000};
  rule.budget = 10;
  return rule;
}

Usec at(std::uint64_t second) { return Usec{second * 1'000'000}; }

std::uint64_t first(const std::vector<KillCandidate>& candidates, KillBy by) {
  return rank(candidates, by).front().candidate.id.value;
}

TEST(KillRankTest, HalfOfAllThenGrowthThenSize) {
  EXPECT_EQ(first({candidate(1, 600), candidate(2, 300)}, KillBy::size_or_growth), 1U);
  // Nobody has half; the one that grows is the largest of five.
  std::vector<KillCandidate> many{candidate(1, 300), candidate(2, 310), candidate(3, 290),
                                  candidate(4, 280), candidate(5, 270)};
  many[1].average = Bytes{200 * kMega};
  EXPECT_EQ(first(many, KillBy::size_or_growth), 2U);
  // One that is small may grow as it likes.
  many[1].average = many[1].current;
  many[4].average = Bytes{1 * kMega};
  EXPECT_EQ(first(many, KillBy::size_or_growth), 2U);
}

TEST(KillRankTest, ProtectedMemoryDoesNotCount) {
  std::vector<KillCandidate> three{candidate(1, 400), candidate(2, 350), candidate(3, 340)};
  three[0].protection = Bytes{300 * kMega};
  EXPECT_EQ(first(three, KillBy::size_or_growth), 2U);
}

TEST(KillRankTest, PreferencesGoBeforeSize) {
  std::vector<KillCandidate> three{candidate(1, 900), candidate(2, 10), candidate(3, 800)};
  three[0].preference = KillPreference::avoid;
  EXPECT_EQ(first(three, KillBy::size_or_growth), 3U);
  three[1].preference = KillPreference::prefer;
  EXPECT_EQ(first(three, KillBy::size_or_growth), 2U);
  three[1].preference = KillPreference::omit;
  three[2].preference = KillPreference::omit;
  EXPECT_EQ(first(three, KillBy::size_or_growth), 1U);  // avoided, but the only one
}

TEST(KillRankTest, ByPressureAndBySwap) {
  std::vector<KillCandidate> two{candidate(1, 900), candidate(2, 10)};
  two[1].full_avg10 = 50;
  two[1].swap = Bytes{kMega};
  EXPECT_EQ(first(two, KillBy::pressure), 2U);
  EXPECT_EQ(first(two, KillBy::swap), 2U);
}

TEST(KillRankTest, WhatCannotHelpIsRefusedWithTheReason) {
  KillCandidate one = candidate(1, 100);
  EXPECT_FALSE(refusal(one, KillBy::size_or_growth));
  EXPECT_EQ(refusal(one, KillBy::swap), KillRefusal::nothing_to_free);
  one.populated = false;
  EXPECT_EQ(refusal(one, KillBy::size_or_growth), KillRefusal::empty);
  one.guarded = true;
  EXPECT_EQ(refusal(one, KillBy::size_or_growth), KillRefusal::guarded);
}

TEST(KillRuleTest, KillsTheFirstAfterPressureThatLasts) {
  KillRuleState state(ten_seconds());
  const std::vector targets{target(9, 80, {candidate(1, 10), candidate(2, 500)})};
  for (std::uint64_t s = 0; s < 10; ++s) {
    EXPECT_EQ(reason(state, at(s), targets), KillReason::not_yet) << s;
  }
  const auto decision = decide(state, at(10), targets);
  ASSERT_TRUE(decision);
  EXPECT_EQ(decision->reason, KillReason::killed);
  EXPECT_EQ(decision->victim->id, CgroupId{2});
  EXPECT_EQ(decision->for_so_long, at(10));
  EXPECT_EQ(decision->considered.size(), 2U);
  // Not the next one right after it.
  for (std::uint64_t s = 11; s < 20; ++s) {
    EXPECT_NE(reason(state, at(s), targets), KillReason::killed) << s;
  }
}

TEST(KillRuleTest, CgroupsThatTakeTurnsDoNotAddUp) {
  KillRuleState state(ten_seconds());
  for (std::uint64_t s = 0; s < 100; ++s) {
    const bool left = s / 5 % 2 == 0;
    const std::vector targets{target(8, left ? 90 : 0, {candidate(1, 100)}),
                              target(9, left ? 0 : 90, {candidate(2, 100)})};
    EXPECT_EQ(reason(state, at(s), targets), KillReason::not_yet) << s;
  }
}

TEST(KillRuleTest, ANewCgroupUnderTheSamePathBeginsAnew) {
  KillRuleState state(ten_seconds());
  for (std::uint64_t s = 0; s < 9; ++s) {
    (void)state.tick(at(s), std::vector{target(8, 90, {candidate(1, 100)})});
  }
  for (std::uint64_t s = 9; s < 18; ++s) {
    EXPECT_EQ(reason(state, at(s), {target(9, 90, {candidate(1, 100)})}), KillReason::not_yet);
  }
}

TEST(KillRuleTest, OneWithoutVictimsDoesNotShieldTheNext) {
  KillRuleState state(ten_seconds());
  const std::vector targets{target(8, 90, {}), target(9, 90, {candidate(2, 100)})};
  for (std::uint64_t s = 0; s < 10; ++s) (void)state.tick(at(s), targets);
  EXPECT_EQ(decide(state, at(10), targets)->victim->id, CgroupId{2});
}

TEST(KillRuleTest, SaysWhyNobodyIsKilled) {
  KillRuleState state(ten_seconds());
  KillCandidate guarded = candidate(1, 100);
  guarded.guarded = true;
  const std::vector targets{target(9, 90, {guarded})};
  for (std::uint64_t s = 0; s < 10; ++s) (void)state.tick(at(s), targets);
  const auto decision = decide(state, at(10), targets);
  ASSERT_TRUE(decision);
  EXPECT_EQ(decision->reason, KillReason::no_candidate);
  EXPECT_EQ(decision->considered.at(0).refused, KillRefusal::guarded);
  EXPECT_FALSE(reason(state, at(11), {target(9, 10, {guarded})}));
  KillTarget blind = targets[0];
  blind.full_avg10.reset();
  EXPECT_FALSE(reason(state, at(12), {blind}));
}

TEST(KillRuleTest, CoolsDownAndKeepsItsBudget) {
  KillRule rule = ten_seconds();
  rule.lasting = Usec{0};
  rule.budget = 3;
  rule.budget_time = at(100);
  rule.dry_run = true;
  KillRuleState state(rule);
  std::vector<std::uint64_t> kills;
  std::set<KillReason> reasons;
  for (std::uint64_t s = 0; s < 110; ++s) {
    const auto decision = decide(state, at(s), {target(9, 90, {candidate(1, 100)})});
    ASSERT_TRUE(decision);
    EXPECT_TRUE(decision->dry_run);
    if (decision->reason == KillReason::killed) kills.push_back(s);
    reasons.insert(decision->reason);
  }
  EXPECT_EQ(kills, (std::vector<std::uint64_t>{0, 15, 30, 100}));
  EXPECT_TRUE(reasons.contains(KillReason::cooling_down));
  EXPECT_TRUE(reasons.contains(KillReason::over_budget));
}

// The kernel's average begins late and ends late; what there is now begins and ends it at once.
TEST(KillRuleTest, TheLastSecondsBeginItAndForbidAKillThatIsNotNeededAnyMore) {
  KillRuleState state(ten_seconds());
  const auto seen = [](double average, double now) {
    KillTarget one = target(9, average, {candidate(1, 100)});
    one.full_now = now;
    return std::vector{one};
  };
  for (std::uint64_t s = 0; s < 8; ++s) {
    EXPECT_EQ(reason(state, at(s), seen(10, 95)), KillReason::not_yet);
  }
  // A moment without, that the average does not notice.
  EXPECT_EQ(reason(state, at(8), seen(70, 20)), KillReason::not_yet);
  EXPECT_EQ(reason(state, at(9), seen(70, 95)), KillReason::not_yet);
  EXPECT_EQ(reason(state, at(10), seen(80, 3)), KillReason::easing);
  EXPECT_EQ(reason(state, at(11), seen(80, 95)), KillReason::killed);
  KillRuleState other(ten_seconds());
  for (std::uint64_t s = 0; s < 8; ++s) (void)other.tick(at(s), seen(10, 95));
  EXPECT_FALSE(reason(other, at(8), seen(50, 20)));
  EXPECT_EQ(reason(other, at(10), seen(50, 95)), KillReason::not_yet);
}

TEST(KillRuleTest, CandidatesAreOnlyLookedForWhenSomebodyMayBeKilled) {
  KillRuleState state(ten_seconds());
  int asked = 0;
  KillTarget one = target(9, 90, {});
  one.candidates = [&asked] {
    ++asked;
    return std::vector{candidate(1, 100)};
  };
  for (std::uint64_t s = 0; s < 20; ++s) (void)state.tick(at(s), std::vector{one});
  EXPECT_EQ(asked, 1);
}

TEST(KillRuleTest, AnotherRulesKillIsWaitedFor) {
  KillRuleState state(ten_seconds());
  const std::vector targets{target(9, 90, {candidate(1, 100)})};
  for (std::uint64_t s = 0; s < 10; ++s) (void)state.tick(at(s), targets);
  state.killed_elsewhere(at(9));
  EXPECT_EQ(reason(state, at(10), targets), KillReason::cooling_down);
  EXPECT_EQ(reason(state, at(24), targets), KillReason::killed);
}

TEST(KillRulePropertyTest, CgroupsThatComeAndGoNeverMakeAWrongVictim) {
  for (std::uint32_t seed = 0; seed < 100; ++seed) {
    std::mt19937 random(seed);
    KillRule rule = ten_seconds();
    rule.cool_down = at(3);
    rule.budget = 5;
    KillRuleState state(rule);
    std::map<std::uint64_t, std::uint64_t> pressed_for;  // seconds in a row, by target
    std::uint64_t kills = 0;
    std::optional<std::uint64_t> last;
    for (std::uint64_t s = 0; s < 300; ++s) {
      std::vector<KillTarget> targets;
      std::map<std::uint64_t, std::uint64_t> now;
      for (std::uint64_t id = 1; id <= 6; ++id) {
        if (random() % 30 == 0) continue;  // vanished
        std::vector<KillCandidate> below;
        for (std::uint64_t c = 0; c < random() % 5; ++c) {
          below.push_back(candidate(100 * id + c, 1 + random() % 1000));
          below.back().populated = random() % 8 != 0;
          below.back().guarded = random() % 5 == 0;
        }
        const bool pressed = random() % 40 != 0;
        targets.push_back(target(id, pressed ? 90 : 5, below));
        if (pressed) now[id] = pressed_for.contains(id) ? pressed_for[id] + 1 : 0;
      }
      pressed_for = now;
      const auto decision = decide(state, at(s), targets);
      EXPECT_LE(state.timers(), targets.size());
      if (!decision || decision->reason != KillReason::killed) {
        EXPECT_FALSE(decision && decision->victim);
        continue;
      }
      ++kills;
      ASSERT_TRUE(decision->victim);
      EXPECT_TRUE(decision->victim->populated && !decision->victim->guarded);
      const std::uint64_t of = decision->victim->id.value / 100;
      EXPECT_GE(pressed_for[of], 10U) << seed;
      pressed_for.erase(of);
      if (last) {
        EXPECT_GE(s - *last, 3U);
      }
      last = s;
    }
    EXPECT_LE(kills, 5U);
    EXPECT_GT(kills, 0U) << seed;
  }
}

}  // namespace
}  // namespace cgwarden::policy::adapt
