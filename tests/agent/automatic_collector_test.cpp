#include "agent/automatic_collector.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "base/limits.h"

namespace cgwarden::agent {
namespace {

using enum AutomaticCollector::Step;

class AutomaticCollectorTest : public ::testing::Test {
 protected:
  static constexpr Usec kSecond{1'000'000};
  static constexpr Usec kStart = kSecond * 500;
  static constexpr Usec kSoon = kStart + kSecond * 30;
  static constexpr Usec kSlow{limits::kLongestWalkUsec + 1};
};

TEST_F(AutomaticCollectorTest, AnAgentOfAMomentReadsFiles) {
  AutomaticCollector collector(kStart);
  EXPECT_EQ(collector.before_tick(kStart, 10, false), stay);
  EXPECT_EQ(collector.before_tick(kSoon - Usec{1}, 10, false), stay);
  EXPECT_EQ(collector.before_tick(kSoon, 10, false), open);
  // Not twice while it is loaded, however long that takes.
  EXPECT_EQ(collector.before_tick(kSoon + kSecond, 10, false), stay);
  EXPECT_EQ(collector.before_tick(kSoon + kSecond * 3600, 10, false), stay);
  collector.opened();
  EXPECT_EQ(collector.before_tick(kSoon + kSecond * 3601, 10, true), stay);
}

TEST_F(AutomaticCollectorTest, ManyCgroupsAreReadFromFiles) {
  AutomaticCollector collector(kStart);
  EXPECT_EQ(collector.before_tick(kSoon, limits::kCgroupsPerWalk + 1, false), stay);
  EXPECT_EQ(collector.before_tick(kSoon, limits::kCgroupsPerWalk, false), open);
  collector.opened();
  EXPECT_EQ(collector.before_tick(kSoon + kSecond, limits::kCgroupsPerWalk + 1, true), close);
  // A cgroup that comes and goes does not switch it each time.
  EXPECT_EQ(collector.before_tick(kSoon + kSecond * 2, 10, false), stay);
  EXPECT_EQ(collector.before_tick(kSoon + kSecond * 601, 10, false), open);
}

TEST_F(AutomaticCollectorTest, SlowWalksInARowEndIt) {
  AutomaticCollector collector(kStart);
  ASSERT_EQ(collector.before_tick(kSoon, 10, false), open);
  collector.opened();
  for (int i = 0; i < 10; ++i) {
    collector.walked(kSlow, true);
    collector.walked(kSlow, true);
    EXPECT_EQ(collector.before_tick(kSoon, 10, true), stay);
    collector.walked(Usec{limits::kLongestWalkUsec}, true);
  }
  for (int i = 0; i < 3; ++i) collector.walked(kSlow, true);
  EXPECT_EQ(collector.before_tick(kSoon, 10, true), close);
  // The next try begins anew.
  const Usec later = kSoon + kSecond * 600;
  EXPECT_EQ(collector.before_tick(later, 10, false), open);
  collector.opened();
  collector.walked(kSlow, true);
  EXPECT_EQ(collector.before_tick(later, 10, true), stay);
}

TEST_F(AutomaticCollectorTest, WalksThatFailEndItToo) {
  AutomaticCollector collector(kStart);
  ASSERT_EQ(collector.before_tick(kSoon, 10, false), open);
  collector.opened();
  for (int i = 0; i < 3; ++i) collector.walked(Usec{1}, false);
  EXPECT_EQ(collector.before_tick(kSoon, 10, true), close);
}

TEST_F(AutomaticCollectorTest, WhatCannotBeHadIsNotAskedForAgain) {
  for (const Error& reason :
       {Error::from_errno(EPERM, "load", "it"), Error::from_errno(EINVAL, "load", "it"),
        Error::from_errno(EOPNOTSUPP, "load", "it"),
        Error{ErrorKind::not_supported, 0, "load", "it", "no BTF"}}) {
    SCOPED_TRACE(reason.sentence());
    AutomaticCollector collector(kStart);
    ASSERT_EQ(collector.before_tick(kSoon, 10, false), open);
    EXPECT_FALSE(collector.failed(kSoon, reason));
    EXPECT_EQ(collector.before_tick(kSoon + kSecond * 100'000, 10, false), stay);
  }
}

TEST_F(AutomaticCollectorTest, WhatPassesIsTriedAgainAfterAWhile) {
  for (const int reason : {ENOMEM, EAGAIN, EMFILE, ENFILE}) {
    SCOPED_TRACE(reason);
    AutomaticCollector collector(kStart);
    ASSERT_EQ(collector.before_tick(kSoon, 10, false), open);
    EXPECT_TRUE(collector.failed(kSoon, Error::from_errno(reason, "load", "it")));
    EXPECT_EQ(collector.before_tick(kSoon + kSecond * 599, 10, false), stay);
    EXPECT_EQ(collector.before_tick(kSoon + kSecond * 600, 10, false), open);
    collector.opened();
    EXPECT_EQ(collector.before_tick(kSoon + kSecond * 601, 10, true), stay);
  }
}

}  // namespace
}  // namespace cgwarden::agent
