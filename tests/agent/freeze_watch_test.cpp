#include "agent/freeze_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <utility>

namespace cgwarden::agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Seen {
  std::string path;
  std::uint64_t id = 0;
  std::optional<bool> frozen;
};

class FreezeWatchTest : public testing::Test {
 protected:
  // "PATH frozen" or "PATH thawed".
  std::vector<std::string> changes(const std::vector<Seen>& seen) {
    std::vector<cgroup::Sample> samples;
    for (const auto& each : seen) {
      cgroup::Sample sample;
      sample.id = CgroupId{each.id};
      sample.path = each.path;
      if (each.frozen) sample.cgroup_events = {.populated = true, .frozen = each.frozen};
      samples.push_back(std::move(sample));
    }
    std::vector<std::string> texts;
    for (const auto& change : watch_.observe(cgroup::Snapshot({}, std::move(samples)))) {
      texts.push_back(change.path + (change.frozen ? " frozen" : " thawed"));
    }
    return texts;
  }
  FreezeWatch watch_;
};

TEST_F(FreezeWatchTest, TellsOfBothChangesOnce) {
  EXPECT_THAT(changes({{"/a", 1, false}}), IsEmpty());
  EXPECT_THAT(changes({{"/a", 1, true}}), ElementsAre("/a frozen"));
  EXPECT_THAT(changes({{"/a", 1, true}}), IsEmpty());
  EXPECT_THAT(changes({{"/a", 1, std::nullopt}}), IsEmpty());
  EXPECT_THAT(changes({{"/a", 1, false}}), ElementsAre("/a thawed"));
}

TEST_F(FreezeWatchTest, WhatStandsStillFromTheStartIsNoNewsUntilItGoesOn) {
  EXPECT_THAT(changes({{"/a", 1, true}}), IsEmpty());
  EXPECT_THAT(changes({{"/a", 1, false}}), ElementsAre("/a thawed"));
}

TEST_F(FreezeWatchTest, OfASubtreeOnlyTheTop) {
  EXPECT_THAT(changes({{"/a", 1, false}, {"/a/b", 2, false}}), IsEmpty());
  EXPECT_THAT(changes({{"/a", 1, true}, {"/a/b", 2, true}}), ElementsAre("/a frozen"));
  EXPECT_THAT(changes({{"/a", 1, false}, {"/a/b", 2, true}}),
              ElementsAre("/a thawed", "/a/b frozen"));
}

TEST_F(FreezeWatchTest, ACgroupThatWentIsNotThawed) {
  EXPECT_THAT(changes({}), IsEmpty());
  EXPECT_THAT(changes({{"/a", 1, true}}), ElementsAre("/a frozen"));
  EXPECT_THAT(changes({{"/a", 2, false}}), IsEmpty());
  EXPECT_THAT(changes({{"/a", 2, true}}), ElementsAre("/a frozen"));
}

}  // namespace
}  // namespace cgwarden::agent
