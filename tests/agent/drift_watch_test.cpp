#include "agent/drift_watch.h"

#include <gmock/gmock.h>

namespace cgwarden::agent {
namespace {

using enum DriftWatch::Attempt;

class DriftWatchTest : public testing::Test {
 protected:
  static policy::Write write(std::string value, std::uint64_t id = 1) {
    policy::Write made;
    made.cgroup = "/a";
    made.id = CgroupId{id};
    made.file = "pids.max";
    made.new_value = std::move(value);
    return made;
  }
  // A tick in which the cgroup has that value, as wanted.
  void tick_in_force(const std::string& value) {
    policy::Plan plan;
    plan.held.push_back({CgroupId{1}, "pids.max", value});
    watch_.planned(plan);
  }
  // A tick in which one write is due; "found", "repaired", "found repaired" or "".
  std::string tick(const policy::Write& due, DriftWatch::Attempt attempt) {
    policy::Plan plan;
    plan.writes.push_back(due);
    watch_.planned(plan);
    const auto counts = watch_.attempted(due, attempt);
    std::string text = counts.found ? "found" : "";
    if (counts.repaired) text += counts.found ? " repaired" : "repaired";
    return text;
  }

  DriftWatch watch_;
};

TEST_F(DriftWatchTest, TheFirstWriteOfAValueIsNoDrift) {
  EXPECT_EQ(tick(write("20"), written), "");
}

TEST_F(DriftWatchTest, AValueThatWasInForceAndIsWrittenAgainIsDrift) {
  tick_in_force("20");
  EXPECT_EQ(tick(write("20"), written), "found repaired");
  // In force again at once, and changed again.
  EXPECT_EQ(tick(write("20"), written), "found repaired");
}

TEST_F(DriftWatchTest, AnotherValueIsAnotherPolicyAndNoDrift) {
  tick_in_force("20");
  EXPECT_EQ(tick(write("30"), written), "");
}

TEST_F(DriftWatchTest, WhatIsFoundAndNotRepairedStaysDriftUntilAnotherValueIsWanted) {
  tick_in_force("20");
  EXPECT_FALSE(watch_.is_drift(write("20", 2)));
  EXPECT_EQ(tick(write("20"), failed), "found");
  EXPECT_EQ(tick(write("20"), failed), "");
  EXPECT_TRUE(watch_.is_drift(write("20")));
  policy::Plan plan;
  plan.writes.push_back(write("30"));
  watch_.planned(plan);
  EXPECT_FALSE(watch_.is_drift(write("30")));
}

TEST_F(DriftWatchTest, WhatAnEarlierAgentHadWrittenMayBeDrift) {
  policy::Plan plan;
  plan.writes.push_back(write("20"));
  watch_.planned(plan);
  EXPECT_FALSE(watch_.is_drift(write("20")));
  watch_.held_before(write("20"));
  EXPECT_TRUE(watch_.is_drift(write("20")));
  EXPECT_TRUE(watch_.attempted(write("20"), written).found);
}

TEST_F(DriftWatchTest, AnotherCgroupOfTheSamePathIsNoDrift) {
  tick_in_force("20");
  EXPECT_EQ(tick(write("20", 2), written), "");
}

TEST_F(DriftWatchTest, AnOldSnapshotIsNoDrift) {
  EXPECT_EQ(tick(write("20"), written), "");
  EXPECT_EQ(tick(write("20"), needless), "");
  EXPECT_EQ(tick(write("20"), needless), "");
  // The file itself has changed meanwhile.
  EXPECT_EQ(tick(write("20"), written), "found repaired");
}

TEST_F(DriftWatchTest, OneThatCannotBeRepairedIsFoundOnce) {
  tick_in_force("20");
  EXPECT_EQ(tick(write("20"), failed), "found");
  EXPECT_EQ(tick(write("20"), failed), "");
  EXPECT_EQ(tick(write("20"), written), "repaired");
  EXPECT_EQ(tick(write("20"), written), "found repaired");
}

TEST_F(DriftWatchTest, OneThatWasPutBackIsNotRepaired) {
  tick_in_force("20");
  EXPECT_EQ(tick(write("20"), failed), "found");
  tick_in_force("20");
  EXPECT_EQ(tick(write("20"), written), "found repaired");
  EXPECT_EQ(tick(write("20"), failed), "found");
  EXPECT_EQ(tick(write("20"), needless), "");
}

TEST_F(DriftWatchTest, WhatTheKernelRoundsIsWrittenAgainWithoutBeingDrift) {
  EXPECT_EQ(tick(write("20"), adjusted), "");
  EXPECT_EQ(tick(write("20"), adjusted), "");
}

}  // namespace
}  // namespace cgwarden::agent
