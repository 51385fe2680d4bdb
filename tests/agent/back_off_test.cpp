#include "agent/back_off.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace cgwarden::agent {
namespace {

constexpr Usec kSecond{1'000'000};

TEST(BackOffTest, HalfOfTheIntervalIsLeftAlone) {
  BackOff back_off(kSecond);
  for (int tick = 0; tick < 100; ++tick) EXPECT_FALSE(back_off.observe(kSecond / 2));
  EXPECT_EQ(back_off.factor(), 1U);
}

TEST(BackOffTest, DoublesUntilATickFitsAndStaysThere) {
  BackOff back_off(kSecond);
  const Usec spent = kSecond * 3;
  for (int tick = 0; tick < 100; ++tick) back_off.observe(spent);
  EXPECT_EQ(back_off.factor(), 8U);
  EXPECT_EQ(back_off.interval(), kSecond * 8);
}

TEST(BackOffTest, ComesBackAfterTenCalmTicksInARow) {
  BackOff back_off(kSecond);
  EXPECT_TRUE(back_off.observe(kSecond));
  for (int tick = 0; tick < 9; ++tick) EXPECT_FALSE(back_off.observe(Usec{1}));
  EXPECT_FALSE(back_off.observe(kSecond / 2));  // a quarter of the interval in force
  for (int tick = 0; tick < 9; ++tick) EXPECT_FALSE(back_off.observe(Usec{1}));
  EXPECT_TRUE(back_off.observe(Usec{1}));
  EXPECT_EQ(back_off.factor(), 1U);
}

TEST(BackOffTest, NeverBeyondAMinuteNorTheLastLevel) {
  BackOff slow(kSecond * 20);
  for (int tick = 0; tick < 100; ++tick) slow.observe(kSecond * 1000);
  EXPECT_EQ(slow.interval(), kSecond * 40);
  BackOff fast(Usec{100'000});
  for (int tick = 0; tick < 100; ++tick) fast.observe(kSecond * 1000);
  EXPECT_EQ(fast.factor(), limits::kMostBackOff);
}

}  // namespace
}  // namespace cgwarden::agent
