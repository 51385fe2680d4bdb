#include "agent/good_policies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/file.h"
#include "tests/temporary_directory.h"

namespace cgwarden::agent {
namespace {

class GoodPoliciesTest : public testing::Test {
 protected:
  TemporaryDirectory temporary_;
  const std::string directory_ = temporary_.path();
  GoodPolicies good_{directory_};
};

TEST_F(GoodPoliciesTest, AFirstStartKnowsNone) {
  EXPECT_FALSE(good_.last().value());
  EXPECT_FALSE(good_.refusal().value());
}

TEST_F(GoodPoliciesTest, KeepsTheFilesWithTheirNames) {
  ASSERT_TRUE(good_.keep({{"/etc/p/a.yaml", "a: 1\n"}, {"/etc/p/b.yaml", "b: \"2\"\n"}}));
  const auto files = GoodPolicies(directory_).last().value();
  ASSERT_TRUE(files);
  ASSERT_EQ(files->size(), 2U);
  EXPECT_EQ((*files)[1].path, "/etc/p/b.yaml");
  EXPECT_EQ((*files)[1].yaml, "b: \"2\"\n");
}

TEST_F(GoodPoliciesTest, NoFilesAreAGoodSetToo) {
  ASSERT_TRUE(good_.keep({}));
  ASSERT_TRUE(good_.last().value());
  EXPECT_TRUE(good_.last().value()->empty());
}

TEST_F(GoodPoliciesTest, ARefusalStandsUntilTheNextGoodSet) {
  ASSERT_TRUE(good_.keep({}));
  ASSERT_TRUE(good_.refuse("a.yaml:5:3: error"));
  EXPECT_EQ(good_.refusal().value(), "a.yaml:5:3: error\n");
  EXPECT_TRUE(good_.last().value());
  ASSERT_TRUE(good_.keep({{"/a", "b"}}));
  EXPECT_FALSE(good_.refusal().value());
}

TEST_F(GoodPoliciesTest, ADamagedCopyIsAnErrorAndNoSet) {
  ASSERT_TRUE(
      write_file_atomically(directory_ + "/policies.json", "{\"version\": 1, \"files\": 3"));
  EXPECT_EQ(good_.last().error().kind, ErrorKind::malformed);
  ASSERT_TRUE(
      write_file_atomically(directory_ + "/policies.json", "{\"version\": 9, \"files\": []}"));
  EXPECT_EQ(good_.last().error().kind, ErrorKind::malformed);
}

}  // namespace
}  // namespace cgwarden::agent
