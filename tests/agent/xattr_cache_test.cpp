#include "agent/xattr_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "base/limits.h"

namespace cgwarden::agent {
namespace {

using ::testing::ElementsAre;

constexpr Usec kAgain{10'000'000};
constexpr Usec kTick{1'000'000};

class XattrCacheTest : public ::testing::Test {
 protected:
  XattrCache::Value get(std::uint64_t id, const std::string& path, Usec now) {
    return cache_.get(CgroupId{id}, path, "user.tier", now);
  }

  std::map<std::string, std::string> tiers_{{"/a", "gold"}};  // by path
  std::vector<std::string> reads_;
  XattrCache cache_{[this](const std::string& path, const std::string& name) {
                      reads_.push_back(path + " " + name);
                      const auto found = tiers_.find(path);
                      return found == tiers_.end() ? XattrCache::Value() : found->second;
                    },
                    kAgain};
};

TEST_F(XattrCacheTest, OneThatStaysIsReadEverLessOften) {
  std::vector<int> ticks;
  for (int tick = 0; tick <= 1000; ++tick) {
    const std::size_t before = reads_.size();
    EXPECT_EQ(get(1, "/a", Usec{5} + kTick * static_cast<std::uint64_t>(tick)), "gold");
    if (reads_.size() > before && tick < 40) ticks.push_back(tick);
  }
  EXPECT_THAT(ticks, ElementsAre(0, 1, 2, 4, 8, 16, 26, 36));
  EXPECT_LT(reads_.size(), 110U);  // of 1001 looks
}

// That it has none is an answer, too; and who makes a cgroup marks it after that.
TEST_F(XattrCacheTest, AMarkThatComesSoonIsSeenSoon) {
  EXPECT_EQ(get(2, "/b", Usec{5}), std::nullopt);
  tiers_["/b"] = "gold";
  EXPECT_EQ(get(2, "/b", Usec{6}), std::nullopt);
  EXPECT_EQ(get(2, "/b", Usec{5} + kTick), "gold");
}

TEST_F(XattrCacheTest, AChangeIsSeenAfterAWhileAndTheNextOneSoon) {
  Usec now{5};
  for (; now < kTick * 100; now += kTick) static_cast<void>(get(1, "/a", now));
  tiers_["/a"] = "tin";
  const Usec changed = now;
  while (get(1, "/a", now) != "tin") now += kTick;
  EXPECT_LE(now, changed + kAgain);
  tiers_["/a"] = "lead";
  EXPECT_EQ(get(1, "/a", now + kTick), "lead");
}

TEST_F(XattrCacheTest, AnotherCgroupOfThePathIsReadAtOnce) {
  EXPECT_EQ(get(1, "/a", Usec{1}), "gold");
  tiers_["/a"] = "tin";
  EXPECT_EQ(get(7, "/a", Usec{2}), "tin");
  EXPECT_EQ(cache_.get(CgroupId{7}, "/a", "user.other", Usec{3}), "tin");
  EXPECT_THAT(reads_, ElementsAre("/a user.tier", "/a user.tier", "/a user.other"));
}

TEST_F(XattrCacheTest, CgroupsThatHaveGoneAreForgotten) {
  Usec now{1};
  for (std::uint64_t id = 1; id <= 1000; ++id) {
    now += kTick;
    static_cast<void>(get(id, "/x", now));
    static_cast<void>(get(0, "/a", now));
    // Those of the last three whiles, and the one that stays.
    ASSERT_LE(cache_.size(), 32U);
  }
}

TEST_F(XattrCacheTest, WhatIsOverTheLimitIsReadEachTime) {
  for (std::uint64_t id = 0; id < limits::kXattrsKept; ++id) {
    static_cast<void>(get(id, "/x", Usec{1}));
  }
  const std::size_t before = reads_.size();
  EXPECT_EQ(get(limits::kXattrsKept, "/a", Usec{2}), "gold");
  EXPECT_EQ(get(limits::kXattrsKept, "/a", Usec{3}), "gold");
  EXPECT_EQ(reads_.size(), before + 2);
  EXPECT_EQ(cache_.size(), limits::kXattrsKept);
}

}  // namespace
}  // namespace cgwarden::agent
