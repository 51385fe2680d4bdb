// The writer killed at any point: what it acknowledged is there, and readers work at once.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <random>

#include "base/unique_fd.h"
#include "diagnosis/store.h"
#include "tests/diagnosis/temporary_directory.h"

namespace cgwarden::diagnosis {
namespace {

namespace fs = std::filesystem;

Verdict numbered(std::uint32_t number) {
  Verdict verdict;
  verdict.workload = "web";
  verdict.incarnation = number;
  verdict.verdict = VerdictClass::exited;
  verdict.from = verdict.when = {Usec(number), Usec(1'000'000 + number)};
  verdict.stderr_tail = std::string(3000, 'x');
  return verdict;
}

// Writes until it is killed; each acknowledged number goes into the pipe.
[[noreturn]] void write_forever(const std::string& path, std::uint32_t first, int acknowledged) {
  auto store = StoreWriter::open(path, 1);
  if (!store || !store->notice().empty()) ::_exit(1);
  for (std::uint32_t number = first;; ++number) {
    if (!store->put(numbered(number))) ::_exit(2);
    if (::write(acknowledged, &number, sizeof number) != sizeof number) ::_exit(3);
  }
}

TEST(StoreCrashTest, NothingAcknowledgedIsLostInThirtyKills) {
  const testing::TemporaryDirectory directory;
  std::mt19937 random(20261124);
  std::uniform_int_distribution<unsigned> some_rows(1, 3);
  std::uniform_int_distribution<unsigned> some_spins(0, 400'000);
  std::uint32_t last = 0;
  for (int round = 0; round < 30; ++round) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    UniqueFd acknowledged(ends[0]);
    UniqueFd write_end(ends[1]);
    const pid_t child = ::fork();
    if (child == 0) write_forever(directory.store(), last + 1, write_end.get());
    write_end.reset();
    // A few acknowledged rows, then some microseconds into the next one.
    const unsigned rows = some_rows(random);
    for (unsigned i = 0; i < rows; ++i) {
      ASSERT_EQ(::read(acknowledged.get(), &last, sizeof last), ssize_t{sizeof last});
    }
    volatile unsigned spin = some_spins(random);
    while (spin > 0) spin = spin - 1;
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the writer ended by itself: " << WEXITSTATUS(status);
    for (std::uint32_t number = 0;
         ::read(acknowledged.get(), &number, sizeof number) == ssize_t{sizeof number};) {
      last = number;
    }

    const auto reader = StoreReader::open(directory.store());
    ASSERT_TRUE(reader) << reader.error().sentence();
    const auto verdicts = reader->verdicts("web", 1000);
    ASSERT_TRUE(verdicts) << verdicts.error().sentence();
    // The one in flight may be there as well, whole.
    ASSERT_GE(verdicts->size(), std::min<std::size_t>(last, 1000));
    ASSERT_LE(verdicts->front().incarnation, last + 1);
    last = verdicts->front().incarnation;
    for (std::size_t i = 0; i < verdicts->size(); ++i) {
      ASSERT_EQ((*verdicts)[i].incarnation, last - i);
    }
  }
}

TEST(StoreCrashTest, AReaderRollsBackWhatTheDeadWriterLeft) {
  const testing::TemporaryDirectory directory;
  {
    auto store = StoreWriter::open(directory.store(), 1);
    ASSERT_TRUE(store);
    for (std::uint32_t i = 1; i <= 40; ++i) ASSERT_TRUE(store->put(numbered(i)));
  }
  const pid_t child = ::fork();
  if (child == 0) {
    sqlite3* database = nullptr;
    sqlite3_open(directory.store().c_str(), &database);
    // One page of cache: the change reaches the file before the commit.
    sqlite3_exec(database,
                 "PRAGMA cache_size=1; PRAGMA journal_mode=TRUNCATE; BEGIN IMMEDIATE;"
                 "UPDATE verdict SET json='cut'||json;",
                 nullptr, nullptr, nullptr);
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_GT(fs::file_size(directory.store() + "-journal"), 0U);
  const auto reader = StoreReader::open(directory.store());
  ASSERT_TRUE(reader) << reader.error().sentence();
  const auto verdicts = reader->verdicts("web", 100);
  ASSERT_TRUE(verdicts) << verdicts.error().sentence();
  EXPECT_EQ(verdicts->size(), 40U);
}

}  // namespace
}  // namespace cgwarden::diagnosis
