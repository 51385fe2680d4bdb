#include "base/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace cgwarden {
namespace {

class FileTest : public testing::Test {
 protected:
  FileTest() {
    std::string pattern = testing::TempDir() + "cgwarden-file-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
  }
  ~FileTest() override { std::filesystem::remove_all(directory_); }
  std::string path(const std::string& name) const { return directory_ + "/" + name; }
  std::string directory_;
};

TEST_F(FileTest, AtomicWriteReplacesTheWholeText) {
  ASSERT_TRUE(write_file_atomically(path("a"), "first, longer text"));
  ASSERT_TRUE(write_file_atomically(path("a"), "second"));
  EXPECT_EQ(read_file(path("a"), 100).value(), "second");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_), {}), 1);
}

TEST_F(FileTest, AtomicWriteIntoAMissingDirectoryLeavesNothing) {
  const Status written = write_file_atomically(path("none/a"), "x");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().kind, ErrorKind::vanished);
}

TEST_F(FileTest, AFileOverTheLimitIsAnErrorAndNotCut) {
  ASSERT_TRUE(write_file_atomically(path("a"), std::string(5000, 'x')));
  EXPECT_EQ(read_file(path("a"), 5000).value().size(), 5000U);
  EXPECT_EQ(read_file(path("a"), 4999).error().kind, ErrorKind::invalid);
}

TEST_F(FileTest, DescriptorsAreCloseOnExec) {
  const auto fd = open_at(AT_FDCWD, directory_, O_RDONLY | O_DIRECTORY);
  ASSERT_TRUE(fd);
  EXPECT_EQ(::fcntl(fd->get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

TEST_F(FileTest, MakeDirectoriesIsIdempotentAndRefusesAFileInTheWay) {
  ASSERT_TRUE(make_directories(path("a/b/c")));
  ASSERT_TRUE(make_directories(path("a/b/c")));
  ASSERT_TRUE(write_file_atomically(path("f"), "x"));
  EXPECT_FALSE(make_directories(path("f")));
  EXPECT_FALSE(make_directories(path("f/g")));
}

TEST(UniqueFdTest, MoveClosesTheOldDescriptor) {
  UniqueFd first(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const int number = first.get();
  first = UniqueFd(::open("/dev/zero", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(::fcntl(number, F_GETFD), -1);
}

}  // namespace
}  // namespace cgwarden
