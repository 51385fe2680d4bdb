#include "agent/disk_use.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/temporary_directory.h"

namespace cgwarden::agent {
namespace {

class DiskUseTest : public testing::Test {
 protected:
  TemporaryDirectory temporary_;
  const std::string directory_ = temporary_.path();
};

TEST_F(DiskUseTest, CountsBlocksAndEachFileOnce) {
  const auto empty = disk_use(directory_);
  ASSERT_TRUE(empty);
  EXPECT_EQ(empty->inodes, 1U);
  std::ofstream(directory_ + "/file") << std::string(1U << 20U, 'x');
  std::filesystem::create_hard_link(directory_ + "/file", directory_ + "/again");
  std::filesystem::create_directory(directory_ + "/sub");
  std::filesystem::create_symlink("/", directory_ + "/sub/link");
  std::filesystem::resize_file((std::ofstream(directory_ + "/sparse"), directory_ + "/sparse"),
                               1U << 30U);
  const auto use = disk_use(directory_);
  ASSERT_TRUE(use);
  EXPECT_EQ(use->inodes, 5U);
  EXPECT_GE(use->bytes.value, 1U << 20U);
  EXPECT_LT(use->bytes.value, 2U << 20U);
}

TEST_F(DiskUseTest, WhatIsNotThereHasNone) { EXPECT_FALSE(disk_use(directory_ + "/none")); }

TEST_F(DiskUseTest, DeeperThanAnyPath) {
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(directory_);
  for (int i = 0; i < 500; ++i) {
    ASSERT_EQ(::mkdir("a_directory", 0700), 0);
    ASSERT_EQ(::chdir("a_directory"), 0);
  }
  std::filesystem::current_path(before);
  const auto use = disk_use(directory_);
  EXPECT_EQ(std::filesystem::current_path(), before);
  ASSERT_TRUE(use);
  EXPECT_EQ(use->inodes, 501U);
}

}  // namespace
}  // namespace cgwarden::agent
