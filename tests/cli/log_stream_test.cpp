#include "cli/log_stream.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/file.h"

namespace cgwarden::cli {
namespace {

TEST(LastLines, CountsLinesAlsoWithoutALastLineEnd) {
  EXPECT_EQ(last_lines("a\nb\nc\n", 2), "b\nc\n");
  EXPECT_EQ(last_lines("a\nb\nc", 2), "b\nc");
  EXPECT_EQ(last_lines("a\nb\n", 9), "a\nb\n");
  EXPECT_EQ(last_lines("a\n\n", 1), "\n");
  EXPECT_EQ(last_lines("a\n", 0), "");
  EXPECT_EQ(last_lines("", 5), "");
}

TEST(TerminalText, ShowsControlBytesButKeepsLinesAndTabs) {
  EXPECT_EQ(terminal_text("a\tb\n\033[31mred\n"), "a\tb\n\\x1b[31mred\n");
}

TEST(LogStreamTest, FollowsOverARotation) {
  std::string directory = "/tmp/cgwarden-log.XXXXXX";
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  const std::string path = directory + "/stdout.log";
  std::ofstream(path) << "one\n";
  std::FILE* out = std::fopen((directory + "/out").c_str(), "w");
  ASSERT_NE(out, nullptr);
  {
    LogStream stream(path, out);
    ASSERT_TRUE(stream.print_kept({}));
    std::ofstream(path, std::ios::app) << "two\n";
    ASSERT_TRUE(stream.print_new());
    std::ofstream(path, std::ios::app) << "three\n";
    std::filesystem::rename(path, path + ".1");
    ASSERT_TRUE(stream.print_new());  // between the two steps of a rotation
    std::ofstream(path) << "four\n";
    ASSERT_TRUE(stream.print_new());
    ASSERT_TRUE(stream.print_new());
  }
  std::fclose(out);
  EXPECT_EQ(read_file(directory + "/out", 4096).value_or(""), "one\ntwo\nthree\nfour\n");
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace cgwarden::cli
