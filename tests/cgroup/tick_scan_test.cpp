// What a tick takes without the parsers, and what that changes.
#include "cgroup/tick_scan.h"

#include <gtest/gtest.h>

#include "cgroup/sampled_files.h"
#include "tests/cgroup/facts.h"
#include "tests/cgroup/fixture_tree.h"

namespace cgwarden::cgroup {
namespace {

using testing::control_files;
using testing::facts;

TEST(TickScanTest, EveryTickFileIsTakenAndSaysWhatTheParserSays) {
  SharedSample scanned;
  Sample parsed;
  for (std::size_t file = 0; file < kTickFiles; ++file) {
    const SampledFile& row = sampled_files()[file];
    const std::string& text = control_files().at(std::string(row.name));
    EXPECT_TRUE(take_scanned(file, text, scanned)) << row.name;
    ASSERT_TRUE(row.store(parsed, row.name, text, {})) << row.name;
  }
  EXPECT_EQ(facts(*scanned), facts(parsed));
}

TEST(TickScanTest, TheSameTextChangesNothingAndAnotherOneOnlyTheNewSample) {
  const std::size_t file = sampled_file("memory.current");
  SharedSample sample;
  ASSERT_TRUE(take_scanned(file, "1\n", sample));
  const auto first = sample.share();
  ASSERT_TRUE(take_scanned(file, "1\n", sample));
  EXPECT_EQ(sample.share(), first);
  ASSERT_TRUE(take_scanned(file, "2\n", sample));
  const auto second = sample.share();
  EXPECT_NE(second, first);
  EXPECT_EQ(first->memory_current, Bytes{1});
  EXPECT_EQ(second->memory_current, Bytes{2});
}

TEST(TickScanTest, WhatIsNotTakenChangesNothing) {
  const std::size_t file = sampled_file("memory.events");
  SharedSample sample;
  ASSERT_TRUE(take_scanned(file, "low 1\n", sample));
  const auto before = sample.share();
  for (const char* text : {"low 1", "low x\n", "low 1\nlow 2\n"}) {
    EXPECT_FALSE(take_scanned(file, text, sample)) << text;
  }
  EXPECT_EQ(sample.share(), before);
}

}  // namespace
}  // namespace cgwarden::cgroup
