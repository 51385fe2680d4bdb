#include "diagnosis/oom_without_victim.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

namespace cgwarden::diagnosis {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Counts {
  std::string path;
  std::uint64_t id = 0;
  std::uint64_t oom = 0;
  std::uint64_t kill = 0;
};

class OomWithoutVictimTest : public ::testing::Test {
 protected:
  // "PATH times" of what is found at this second.
  std::vector<std::string> at(std::uint64_t second, const std::vector<Counts>& counts) {
    std::vector<cgroup::Sample> samples;
    for (const auto& each : counts) {
      cgroup::Sample sample;
      sample.id = CgroupId{each.id};
      sample.path = each.path;
      sample.memory_events.emplace();
      sample.memory_events->oom = each.oom;
      sample.memory_events->oom_kill = each.kill;
      samples.push_back(std::move(sample));
    }
    const Usec now(second * 1'000'000);
    std::vector<std::string> texts;
    for (const auto& found : watch_.observe(cgroup::Snapshot({now, now}, std::move(samples)))) {
      texts.push_back(found.path + " " + std::to_string(found.times));
    }
    return texts;
  }
  OomWithoutVictim watch_;
};

TEST_F(OomWithoutVictimTest, IsToldOnceTheKernelHadTimeToKill) {
  EXPECT_THAT(at(100, {{"/a", 1, 0, 0}}), IsEmpty());
  EXPECT_THAT(at(101, {{"/a", 1, 2, 0}}), IsEmpty());
  EXPECT_THAT(at(102, {{"/a", 1, 5, 0}}), IsEmpty());
  EXPECT_THAT(at(104, {{"/a", 1, 6, 0}}), ElementsAre("/a 6"));
  EXPECT_THAT(at(105, {{"/a", 1, 6, 0}}), IsEmpty());
}

TEST_F(OomWithoutVictimTest, AKillExplainsAll) {
  EXPECT_THAT(at(100, {}), IsEmpty());
  EXPECT_THAT(at(101, {{"/a", 1, 3, 0}}), IsEmpty());
  EXPECT_THAT(at(102, {{"/a", 1, 3, 1}}), IsEmpty());
  // Others that had failed beside it are counted a little later.
  EXPECT_THAT(at(103, {{"/a", 1, 4, 1}}), IsEmpty());
  EXPECT_THAT(at(110, {{"/a", 1, 4, 1}}), IsEmpty());
  EXPECT_THAT(at(111, {{"/a", 1, 5, 1}}), IsEmpty());
  EXPECT_THAT(at(115, {{"/a", 1, 5, 1}}), ElementsAre("/a 1"));
}

TEST_F(OomWithoutVictimTest, WhatWasBeforeIsNoNews) {
  EXPECT_THAT(at(100, {{"/a", 1, 7, 0}}), IsEmpty());
  EXPECT_THAT(at(110, {{"/a", 1, 7, 0}}), IsEmpty());
  // A cgroup that came later counts from 0.
  EXPECT_THAT(at(111, {{"/a", 1, 7, 0}, {"/b", 2, 1, 0}}), IsEmpty());
  EXPECT_THAT(at(115, {{"/a", 1, 7, 0}, {"/b", 2, 1, 0}}), ElementsAre("/b 1"));
}

TEST_F(OomWithoutVictimTest, GoesOnOnceAMinute) {
  EXPECT_THAT(at(100, {}), IsEmpty());
  std::size_t told = 0;
  std::uint64_t ooms = 0;
  for (std::uint64_t second = 101; second <= 101 + 3 + 120; ++second) {
    told += at(second, {{"/a", 1, ++ooms, 0}}).size();
  }
  EXPECT_EQ(told, 3U);
}

TEST_F(OomWithoutVictimTest, TheCgroupWithTheLimitIsNamedNotThoseAbove) {
  EXPECT_THAT(at(100, {}), IsEmpty());
  const std::vector<Counts> counts{
      {"/a", 1, 2, 0}, {"/a/b", 2, 1, 0}, {"/a/c", 3, 1, 0}, {"/ab", 4, 1, 0}};
  EXPECT_THAT(at(101, counts), IsEmpty());
  EXPECT_THAT(at(104, counts), ElementsAre("/a/b 1", "/a/c 1", "/ab 1"));
}

TEST_F(OomWithoutVictimTest, AnotherCgroupOfThePathBeginsAnew) {
  EXPECT_THAT(at(100, {{"/a", 1, 7, 0}}), IsEmpty());
  EXPECT_THAT(at(101, {{"/a", 2, 7, 7}}), IsEmpty());
  EXPECT_THAT(at(110, {{"/a", 2, 7, 7}}), IsEmpty());
}

}  // namespace
}  // namespace cgwarden::diagnosis
