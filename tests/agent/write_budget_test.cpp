#include "agent/write_budget.h"

#include <gtest/gtest.h>

namespace cgwarden::agent {
namespace {

constexpr Usec kMinute{60'000'000};

int taken(WriteBudget& budget, std::uint64_t id, Usec now) {
  int count = 0;
  while (count < 1000 && budget.take(CgroupId{id}, now)) ++count;
  return count;
}

TEST(WriteBudget, ACgroupHasSoManyWritesAMinute) {
  WriteBudget budget(10, 1000);
  EXPECT_EQ(taken(budget, 1, kMinute), 10);
  EXPECT_EQ(taken(budget, 2, kMinute), 10);  // each for itself
  EXPECT_EQ(taken(budget, 1, kMinute + Usec{6'000'000}), 1);
  EXPECT_EQ(taken(budget, 1, kMinute * 10), 10);  // no more than a minute's
}

TEST(WriteBudget, AndAllTogether) {
  WriteBudget budget(10, 15);
  EXPECT_EQ(taken(budget, 1, kMinute), 10);
  EXPECT_EQ(taken(budget, 2, kMinute), 5);
  EXPECT_EQ(taken(budget, 3, kMinute), 0);
  // What was refused cost the cgroup nothing.
  EXPECT_EQ(taken(budget, 3, kMinute * 2), 10);
}

TEST(WriteBudget, ForgettingChangesNothing) {
  WriteBudget budget(10, 1000);
  EXPECT_EQ(taken(budget, 1, kMinute), 10);
  budget.forget_rested(kMinute + Usec{30'000'000});
  EXPECT_EQ(taken(budget, 1, kMinute + Usec{30'000'000}), 5);
  budget.forget_rested(kMinute * 3);
  EXPECT_EQ(taken(budget, 1, kMinute * 3), 10);
}

}  // namespace
}  // namespace cgwarden::agent
