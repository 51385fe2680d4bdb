#include "agent/rootless.h"

#include <gmock/gmock.h>

namespace cgwarden::agent {
namespace {

TEST(SubordinateIdsTest, TheFirstRangeOfTheUserByNameOrNumber) {
  const char* const text =
      "# comment\nroot:1:2\nme:100000:65536\n1000:300000:10\nme:200000:65536\n";
  EXPECT_EQ(subordinate_ids(text, "me", 5), (SubordinateIds{100000, 65536}));
  EXPECT_EQ(subordinate_ids(text, "other", 1000), (SubordinateIds{300000, 10}));
  EXPECT_EQ(subordinate_ids(text, "m", 100), std::nullopt);
  EXPECT_EQ(subordinate_ids("", "me", 5), std::nullopt);
}

TEST(SubordinateIdsTest, WhatIsNoRangeIsPassedOver) {
  const char* const text =
      "me\nme:1\nme:x:1\nme:1:0\nme:-1:5\nme:4294967290:10\nme:1:2:3\nme: 1:2\nme:7:8\n";
  EXPECT_EQ(subordinate_ids(text, "me", 5), (SubordinateIds{7, 8}));
}

TEST(DirectoriesOfUser, AreThoseOfTheXdgSpecification) {
  Options options;
  use_directories_of_user(options, 1000, "/run/user/1000", "", "/home/me");
  EXPECT_EQ(options.runtime_dir, "/run/user/1000/cgwarden");
  EXPECT_EQ(options.state_dir, "/home/me/.local/state/cgwarden");
  use_directories_of_user(options, 1001, "", "/data/state", "/home/me");
  EXPECT_EQ(options.runtime_dir, "/run/user/1001/cgwarden");
  EXPECT_EQ(options.state_dir, "/data/state/cgwarden");
}

}  // namespace
}  // namespace cgwarden::agent
