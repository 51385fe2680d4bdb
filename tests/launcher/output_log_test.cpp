#include "launcher/output_log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <string>

#include "base/file.h"
#include "base/limits.h"

namespace cgwarden::launcher {
namespace {

class OutputLogTest : public testing::Test {
 protected:
  OutputLogTest() {
    std::string pattern = testing::TempDir() + "cgwarden-log-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
    EXPECT_EQ(::pipe2(pipe_.data(), O_CLOEXEC), 0);
    read_.reset(pipe_[0]);
    auto opened = OutputLog::open(directory_ + "/log", 16);
    EXPECT_TRUE(opened);
    log_.emplace(std::move(*opened));
    log_->copy_to(UniqueFd(pipe_[1]));
    ::signal(SIGPIPE, SIG_IGN);
  }
  ~OutputLogTest() override { std::filesystem::remove_all(directory_); }

  void put(const std::string& text) { ASSERT_TRUE(write_all(log_->write_end(), text, "the pipe")); }
  std::string take(std::size_t most) {
    std::string text(most, '\0');
    const ssize_t count = ::read(read_.get(), text.data(), most);
    text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    return text;
  }
  std::string file() {
    const auto text = read_file(directory_ + "/log", limits::kOutputLogBytes);
    return text ? *text : "";
  }

  std::string directory_;
  std::array<int, 2> pipe_{-1, -1};
  UniqueFd read_;
  std::optional<OutputLog> log_;
};

TEST_F(OutputLogTest, TheCopyIsTheOutput) {
  put("hello\n");
  log_->pump();
  EXPECT_EQ(take(100), "hello\n");
  EXPECT_EQ(file(), "hello\n");
  EXPECT_FALSE(log_->copy_waits());
}

TEST_F(OutputLogTest, ASlowReaderHoldsTheOutputUpAndLosesNothing) {
  const std::string block(32768, 'x');
  std::size_t given = 0;
  while (!log_->copy_waits()) {
    put(block);
    given += block.size();
    log_->pump();
  }
  EXPECT_NE(log_->wait().fd, log_->read_end());
  EXPECT_EQ(log_->wait().events, POLLOUT);
  // Not taken out of the pipe while the reader stands still.
  const std::size_t logged = file().size();
  put("more");
  given += 4;
  log_->pump();
  EXPECT_EQ(file().size(), logged);
  std::size_t taken = 0;
  while (taken < given) {
    taken += take(65536).size();
    log_->pump();
  }
  EXPECT_EQ(taken, given);
  EXPECT_EQ(file().size(), given);
}

TEST_F(OutputLogTest, AReaderThatIsGoneIsForgotten) {
  read_.reset();
  put("one");
  log_->pump();
  put("two");
  log_->pump();
  EXPECT_EQ(file(), "onetwo");
  EXPECT_EQ(log_->wait().fd, log_->read_end());
}

TEST(OutputLogFiles, RotateToAsManyAsAreAskedFor) {
  std::string pattern = testing::TempDir() + "cgwarden-log-XXXXXX";
  const std::string directory = ::mkdtemp(pattern.data());
  const std::string path = directory + "/log";
  auto log = OutputLog::open(path, 0, {.journal = false, .max_bytes = 4, .max_files = 3});
  ASSERT_TRUE(log);
  for (const auto* text : {"one.", "two.", "three", "four."}) {
    ASSERT_TRUE(write_all(log->write_end(), text, "the pipe"));
    log->pump();
  }
  const auto text_of = [&](const std::string& end) {
    const auto text = read_file(path + end, 100);
    return text ? *text : "none";
  };
  EXPECT_EQ(text_of(""), "four.");
  EXPECT_EQ(text_of(".1"), "three");
  EXPECT_EQ(text_of(".2"), "two.");
  EXPECT_EQ(text_of(".3"), "none");
  // One second was noted for each, at its beginning.
  for (const auto* end : {".times", ".1.times", ".2.times"}) EXPECT_EQ(text_of(end).size(), 16U);
  EXPECT_EQ(text_of(".3.times"), "none");
  std::filesystem::remove_all(directory);
}

TEST(OutputLogFiles, OneFileBeginsAnew) {
  std::string pattern = testing::TempDir() + "cgwarden-log-XXXXXX";
  const std::string directory = ::mkdtemp(pattern.data());
  auto log =
      OutputLog::open(directory + "/log", 0, {.journal = false, .max_bytes = 4, .max_files = 1});
  ASSERT_TRUE(log);
  for (const auto* text : {"one.", "two."}) {
    ASSERT_TRUE(write_all(log->write_end(), text, "the pipe"));
    log->pump();
  }
  const auto kept = read_file(directory + "/log", 100);
  ASSERT_TRUE(kept);
  EXPECT_EQ(*kept, "two.");
  EXPECT_FALSE(std::filesystem::exists(directory + "/log.1"));
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace cgwarden::launcher
