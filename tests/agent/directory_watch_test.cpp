#include "agent/directory_watch.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/temporary_directory.h"

namespace cgwarden::agent {
namespace {

namespace fs = std::filesystem;

class DirectoryWatchTest : public testing::Test {
 protected:
  DirectoryWatch watch(const std::string& directory) {
    auto opened = DirectoryWatch::open({directory});
    EXPECT_TRUE(opened);
    return std::move(*opened);
  }
  static void write(const std::string& path) { std::ofstream(path) << "x"; }
  TemporaryDirectory temporary_;
  const std::string root_ = temporary_.path();
};

TEST_F(DirectoryWatchTest, SeesFinishedChanges) {
  auto watched = watch(root_ + "/");
  EXPECT_FALSE(watched.changed());
  write(root_ + "/a.yaml");
  EXPECT_TRUE(watched.changed());
  EXPECT_FALSE(watched.changed());
  fs::remove(root_ + "/a.yaml");
  EXPECT_TRUE(watched.changed());
}

TEST_F(DirectoryWatchTest, SeesDirectoriesAndLinksThatAreMadeAndNoUnfinishedFiles) {
  auto watched = watch(root_);
  fs::create_directory(root_ + "/web.d");
  EXPECT_TRUE(watched.changed());
  fs::create_symlink("/dev/null", root_ + "/a.yaml");
  EXPECT_TRUE(watched.changed());
  std::ofstream unfinished(root_ + "/b.yaml");
  EXPECT_FALSE(watched.changed());
  unfinished.close();
  EXPECT_TRUE(watched.changed());
}

TEST_F(DirectoryWatchTest, ADirectoryThatComesLaterIsWatched) {
  const std::string directory = root_ + "/etc/policies.d";
  auto watched = watch(directory);
  EXPECT_FALSE(watched.changed());
  write(root_ + "/unrelated");
  EXPECT_FALSE(watched.changed());
  fs::create_directory(root_ + "/etc");
  EXPECT_FALSE(watched.changed());
  fs::create_directory(directory);
  EXPECT_TRUE(watched.changed());
  write(directory + "/a.yaml");
  EXPECT_TRUE(watched.changed());
  EXPECT_FALSE(watched.changed());
}

TEST_F(DirectoryWatchTest, AllLevelsAtOnceAreFound) {
  auto watched = watch(root_ + "/etc/cgwarden/policies.d");
  fs::create_directories(root_ + "/etc/cgwarden/policies.d");
  EXPECT_TRUE(watched.changed());
  write(root_ + "/etc/cgwarden/policies.d/a.yaml");
  EXPECT_TRUE(watched.changed());
}

TEST_F(DirectoryWatchTest, AReplacedDirectoryIsWatchedAgain) {
  const std::string directory = root_ + "/policies.d";
  fs::create_directory(directory);
  auto watched = watch(directory);
  fs::rename(directory, root_ + "/old");
  EXPECT_TRUE(watched.changed());
  write(root_ + "/old/a.yaml");
  EXPECT_FALSE(watched.changed());
  fs::create_directory(directory);
  EXPECT_TRUE(watched.changed());
  write(directory + "/a.yaml");
  EXPECT_TRUE(watched.changed());
  fs::remove_all(directory);
  EXPECT_TRUE(watched.changed());
  fs::create_directory(directory);
  EXPECT_TRUE(watched.changed());
}

}  // namespace
}  // namespace cgwarden::agent
