#include "agent/pstore.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace cgwarden::agent {
namespace {

class PstoreTest : public ::testing::Test {
 protected:
  PstoreTest() : directory_("/tmp/cgwarden-pstore.XXXXXX") {
    EXPECT_NE(::mkdtemp(directory_.data()), nullptr);
  }
  ~PstoreTest() override { std::filesystem::remove_all(directory_); }
  void put(const std::string& file, const std::string& text, std::int64_t at_seconds) const {
    const std::string path = directory_ + "/" + file;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path) << text;
    const timespec times[2]{{at_seconds, 0}, {at_seconds, 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  }
  [[nodiscard]] std::optional<std::string> panic(std::uint64_t since_seconds) const {
    return last_panic({"/nonexistent", directory_}, Usec(since_seconds * 1'000'000));
  }
  std::string directory_;
};

TEST_F(PstoreTest, QuotesThePanicOfTheBootThatEnded) {
  put("dmesg-efi-1", "Oops#1 Part1\n<1>[ 3.1] BUG: unable to handle page fault\n", 1000);
  EXPECT_FALSE(panic(900));
  put("17264/dmesg.txt",
      "Panic#1 Part1\n<0>[   42.0] Kernel panic - not syncing: Fatal exception\n<0>[ 42.1] x\n",
      1000);
  EXPECT_EQ(panic(900), "Kernel panic - not syncing: Fatal exception");
  // Of a boot long before.
  EXPECT_FALSE(panic(2000));
}

}  // namespace
}  // namespace cgwarden::agent
