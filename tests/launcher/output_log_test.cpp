#include "launcher/output_log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/resource.h>
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

// A soft limit of this process while alive.
class Limited {
 public:
  Limited(int resource, rlim_t value) : resource_(resource) {
    ::getrlimit(static_cast<__rlimit_resource>(resource_), &before_);
    const rlimit limit{.rlim_cur = value, .rlim_max = before_.rlim_max};
    EXPECT_EQ(::setrlimit(static_cast<__rlimit_resource>(resource_), &limit), 0);
  }
  Limited(const Limited&) = delete;
  Limited& operator=(const Limited&) = delete;
  ~Limited() { ::setrlimit(static_cast<__rlimit_resource>(resource_), &before_); }

 private:
  int resource_;
  rlimit before_{};
};

class Directory {
 public:
  Directory() {
    path_ = testing::TempDir() + "cgwarden-log-XXXXXX";
    EXPECT_NE(::mkdtemp(path_.data()), nullptr);
  }
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  ~Directory() { std::filesystem::remove_all(path_); }
  [[nodiscard]] std::string path(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] std::string text(const std::string& name) const {
    return read_file(path(name), limits::kOutputLogBytes).value_or("(none)");
  }

 private:
  std::string path_;
};

void put_in(OutputLog& log, const std::string& text) {
  ASSERT_TRUE(write_all(log.write_end(), text, "the pipe"));
  log.pump();
}

TEST(OutputLogFiles, WithoutANewFileTheOldOneGoesOn) {
  for (const unsigned files : {1U, 3U}) {
    const Directory directory;
    auto log = OutputLog::open(directory.path("log"), 0,
                               {.journal = false, .max_bytes = 4, .max_files = files});
    ASSERT_TRUE(log);
    put_in(*log, "full");
    {
      const Limited descriptors(RLIMIT_NOFILE, 0);
      put_in(*log, "more");
    }
    EXPECT_EQ(directory.text("log"), "fullmore");
    EXPECT_EQ(log->dropped_bytes(), 0U);
    put_in(*log, "new");
    EXPECT_EQ(directory.text("log"), "new");
    EXPECT_EQ(directory.text("log.1"), files == 1 ? "(none)" : "fullmore");
    EXPECT_EQ(directory.text("log.new"), "(none)");
    EXPECT_EQ(directory.text("log.times").size(), 16U);
  }
}

TEST(OutputLogFiles, WithoutAPlaceForTheOldFileItGoesOn) {
  const Directory directory;
  auto log =
      OutputLog::open(directory.path("log"), 0, {.journal = false, .max_bytes = 4, .max_files = 2});
  ASSERT_TRUE(log);
  std::filesystem::create_directory(directory.path("log.1"));
  put_in(*log, "full");
  put_in(*log, "more");
  EXPECT_EQ(directory.text("log"), "fullmore");
  EXPECT_EQ(directory.text("log.new"), "(none)");
  std::filesystem::remove(directory.path("log.1"));
  put_in(*log, "new");
  EXPECT_EQ(directory.text("log"), "new");
  EXPECT_EQ(directory.text("log.1"), "fullmore");
}

TEST(OutputLogFiles, APartialTimeIsTakenAway) {
  ::signal(SIGXFSZ, SIG_IGN);
  const Directory directory;
  const std::string whole(16, 'x');
  ASSERT_TRUE(write_file_atomically(directory.path("log.times"), whole + "half"));
  auto log = OutputLog::open(directory.path("log"), 0);
  ASSERT_TRUE(log);
  EXPECT_EQ(directory.text("log.times"), whole);
  {
    // As on a disk that has room for half of a record.
    const Limited bytes(RLIMIT_FSIZE, 24);
    put_in(*log, "hi");
  }
  EXPECT_EQ(directory.text("log.times"), whole);
  EXPECT_EQ(directory.text("log"), "hi");
}

}  // namespace
}  // namespace cgwarden::launcher
