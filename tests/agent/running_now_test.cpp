#include "agent/running_now.h"

#include <gtest/gtest.h>

namespace cgwarden::agent {
namespace {

using diagnosis::Verdict;
using diagnosis::VerdictClass;

Verdict stall(VerdictClass what, std::uint64_t wall_seconds) {
  Verdict verdict;
  verdict.verdict = what;
  verdict.when.wall = Usec{wall_seconds * 1'000'000};
  return verdict;
}

bool holds(const Verdict& verdict, std::uint64_t wall_seconds, bool agent_runs) {
  return is_current_stall(verdict, {Usec{}, Usec{wall_seconds * 1'000'000}}, agent_runs);
}

TEST(CurrentStall, HoldsForAWhileAfterItsAgent) {
  const Verdict stopped = stall(VerdictClass::stopped_by_signal, 1000);
  EXPECT_TRUE(holds(stopped, 1009, false));
  EXPECT_FALSE(holds(stopped, 1011, false));
}

TEST(CurrentStall, OfALivingAgentMayBeRenewedLate) {
  const Verdict wedged = stall(VerdictClass::stalled_oom_no_victim, 1000);
  EXPECT_TRUE(holds(wedged, 1025, true));
  EXPECT_FALSE(holds(wedged, 1031, true));
}

TEST(CurrentStall, OneThatIsOverNeverHolds) {
  Verdict frozen = stall(VerdictClass::frozen, 1000);
  frozen.over = true;
  EXPECT_FALSE(holds(frozen, 1000, true));
}

TEST(CurrentStall, WhatHappenedOnceIsToldForAnHour) {
  const Verdict child = stall(VerdictClass::oom_child, 1000);
  EXPECT_TRUE(holds(child, 4599, false));
  EXPECT_FALSE(holds(child, 4601, false));
}

}  // namespace
}  // namespace cgwarden::agent
