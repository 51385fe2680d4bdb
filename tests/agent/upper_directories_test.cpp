#include "agent/upper_directories.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace cgwarden::agent {
namespace {

class UpperDirectoriesTest : public testing::Test {
 protected:
  UpperDirectoriesTest() {
    std::string pattern = testing::TempDir() + "cgwarden-upper-XXXXXX";
    state_ = ::mkdtemp(pattern.data());
    loop_ = EventLoop::create().value();
  }
  ~UpperDirectoriesTest() override {
    // The program that removes outlives its object; other tests of this process count children.
    while (::waitpid(-1, nullptr, 0) > 0) {
    }
    std::filesystem::remove_all(state_);
  }

  void fill(const std::string& path) const {
    std::filesystem::create_directories(state_ + "/" + path);
    std::ofstream(state_ + "/" + path + "/file") << "x";
  }
  [[nodiscard]] bool exists(const std::string& path) const {
    return std::filesystem::exists(state_ + "/" + path);
  }
  // Until nothing discarded is left; a test that hangs here is ended by ctest.
  void run_until_removed() {
    auto timer = loop_->timer(Usec{0}, Usec{1000}, [this] {
      if (!exists("overlay/.removing") && !exists("overlay/.discarded")) loop_->stop();
    });
    ASSERT_TRUE(timer && loop_->run());
  }

  std::string state_;
  std::unique_ptr<EventLoop> loop_;
};

TEST_F(UpperDirectoriesTest, MadeForRootAloneAndKeptWhenMadeAgain) {
  UpperDirectories uppers(*loop_, state_);
  const auto made = uppers.make("web");
  ASSERT_TRUE(made) << made.error().sentence();
  EXPECT_EQ(*made, upper_directory(state_, "web"));
  struct stat status{};
  ASSERT_EQ(::stat(made->c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0700U);
  fill("overlay/web/upper");
  ASSERT_TRUE(uppers.make("web"));
  EXPECT_TRUE(exists("overlay/web/upper/file"));
}

TEST_F(UpperDirectoriesTest, DiscardedAtOnceAndRemovedLater) {
  UpperDirectories uppers(*loop_, state_);
  fill("overlay/web/upper");
  fill("overlay/db/upper");
  fill("overlay/other/upper");
  uppers.discard("web");
  EXPECT_FALSE(exists("overlay/web"));
  fill("overlay/web/upper");  // the next launch
  uppers.discard("db");       // while rm(1) is at work
  uppers.discard("none");
  run_until_removed();
  EXPECT_TRUE(exists("overlay/web/upper/file"));
  EXPECT_TRUE(exists("overlay/other/upper/file"));
  EXPECT_FALSE(exists("overlay/db"));
}

TEST_F(UpperDirectoriesTest, WhatAKilledAgentLeftIsRemoved) {
  fill("overlay/stale/upper");
  fill("overlay/web/upper");
  fill("overlay/.discarded/old.1");
  fill("overlay/.removing/older.1");
  UpperDirectories uppers(*loop_, state_);
  uppers.discard_all_but({"web"});
  run_until_removed();
  EXPECT_FALSE(exists("overlay/stale"));
  EXPECT_TRUE(exists("overlay/web/upper/file"));
}

TEST_F(UpperDirectoriesTest, DirectoriesDeeperThanAnyPathGoToo) {
  std::filesystem::create_directories(state_ + "/overlay/deep");
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(state_ + "/overlay/deep");
  for (int i = 0; i < 3000; ++i) {
    ASSERT_EQ(::mkdir("directory", 0700), 0);
    ASSERT_EQ(::chdir("directory"), 0);
  }
  std::filesystem::current_path(before);
  UpperDirectories uppers(*loop_, state_);
  uppers.discard("deep");
  run_until_removed();
}

TEST_F(UpperDirectoriesTest, RemovedAtOnceWithoutALoop) {
  fill("overlay/web/upper");
  fill("overlay/db/upper");
  ASSERT_TRUE(remove_upper(state_, "web"));
  EXPECT_FALSE(exists("overlay/web"));
  EXPECT_TRUE(exists("overlay/db/upper/file"));
  EXPECT_TRUE(remove_upper(state_, "web"));
}

TEST_F(UpperDirectoriesTest, WithoutAnyThereIsNothingToDo) {
  UpperDirectories uppers(*loop_, state_);
  uppers.discard_all_but({});
  uppers.discard("web");
  EXPECT_FALSE(exists("overlay"));
}

}  // namespace
}  // namespace cgwarden::agent
