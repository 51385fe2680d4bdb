// The writer killed at any point: what it acknowledged is there, and readers work at once.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <optional>
#include <random>
#include <string>

#include "base/limits.h"
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

// RLIMIT_FSIZE stands in for a disk that is full from `bytes` of one file on.
void let_files_grow_to(rlim_t bytes) {
  const rlimit limit{bytes, RLIM_INFINITY};
  ::setrlimit(RLIMIT_FSIZE, &limit);
}

// Writes until it is killed; each acknowledged number goes into the pipe. With `room` the disk is
// full once the store has grown by so many bytes, and has room again as soon as a put has failed.
[[noreturn]] void write_forever(const std::string& path, std::uint32_t first, int acknowledged,
                                std::optional<rlim_t> room) {
  ::signal(SIGXFSZ, SIG_IGN);
  auto store = StoreWriter::open(path, 1);
  if (!store || !store->notice().empty()) ::_exit(1);
  if (room) let_files_grow_to(fs::file_size(path) + *room);
  for (std::uint32_t number = first;; ++number) {
    while (!store->put(numbered(number))) {
      if (!room) ::_exit(2);
      let_files_grow_to(RLIM_INFINITY);
      room.reset();
    }
    if (::write(acknowledged, &number, sizeof number) != sizeof number) ::_exit(3);
  }
}

// A child that does `work` until it is killed, after a random time once `ready` says so.
class Killed {
 public:
  explicit Killed(std::mt19937& random) : random_(&random) {}
  template <typename Work, typename Ready>
  void run(Work work, Ready ready) {
    const pid_t child = ::fork();
    if (child == 0) work();
    ready();
    std::uniform_int_distribution<unsigned> some_spins(0, 1'000'000);
    volatile unsigned spin = some_spins(*random_);
    while (spin > 0) spin = spin - 1;
    ::kill(child, SIGKILL);
    ASSERT_EQ(::waitpid(child, &status, 0), child);
  }
  int status = 0;

 private:
  std::mt19937* random_;
};

// All that was acknowledged, and perhaps the one in flight, whole; of them the newest `looked_at`
// are looked at. Gives the newest.
std::uint32_t newest_of_all(const std::string& path, std::uint32_t acknowledged,
                            std::size_t looked_at = limits::kVerdictsPerWorkload) {
  const auto reader = StoreReader::open(path);
  if (!reader) {
    ADD_FAILURE() << reader.error().sentence();
    return 0;
  }
  const auto verdicts = reader->verdicts("web", looked_at);
  if (!verdicts || verdicts->empty()) {
    ADD_FAILURE() << (verdicts ? "it is empty" : verdicts.error().sentence());
    return 0;
  }
  EXPECT_EQ(reader->unreadable(), 0U);
  EXPECT_GE(verdicts->size(), std::min<std::size_t>(acknowledged, looked_at));
  const std::uint32_t newest = verdicts->front().incarnation;
  EXPECT_LE(newest, acknowledged + 1);
  for (std::size_t i = 0; i < verdicts->size(); ++i) {
    EXPECT_EQ((*verdicts)[i].incarnation, newest - i);
  }
  return newest;
}

// Every third of the writers has a disk that gets full.
TEST(StoreCrashTest, NothingAcknowledgedIsLostInTwoHundredKills) {
  const testing::TemporaryDirectory directory;
  std::mt19937 random(20261124);
  std::uniform_int_distribution<unsigned> some_rows(1, 3);
  std::uniform_int_distribution<rlim_t> some_room(0, 64U << 10U);
  std::uint32_t last = 0;
  for (int round = 0; round < 200; ++round) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    const UniqueFd acknowledged(ends[0]);
    UniqueFd write_end(ends[1]);
    const auto room = round % 3 == 0 ? std::optional(some_room(random)) : std::nullopt;
    const unsigned rows = some_rows(random);
    Killed writer(random);
    writer.run([&] { write_forever(directory.store(), last + 1, write_end.get(), room); },
               [&] {
                 write_end.reset();
                 for (unsigned i = 0; i < rows; ++i) {
                   EXPECT_EQ(::read(acknowledged.get(), &last, sizeof last), ssize_t{sizeof last});
                 }
               });
    ASSERT_TRUE(WIFSIGNALED(writer.status))
        << "the writer ended by itself: " << WEXITSTATUS(writer.status);
    for (std::uint32_t number = 0;
         ::read(acknowledged.get(), &number, sizeof number) == ssize_t{sizeof number};) {
      last = number;
    }
    // The oldest are looked at now and then: each look reads them whole.
    last = newest_of_all(directory.store(), last,
                         round % 20 == 19 ? limits::kVerdictsPerWorkload : std::size_t{10});
    ASSERT_FALSE(::testing::Test::HasFailure()) << "round " << round;
  }
}

// What was at `path` before is there still, or was moved aside; it is nowhere written over.
bool is_kept(const std::string& path, const std::string& bytes) {
  for (const auto& place : {path, path + ".damaged-1"}) {
    std::ifstream file(place, std::ios::binary);
    const std::string found{std::istreambuf_iterator<char>(file), {}};
    if (found == bytes) return true;
  }
  return false;
}

// A file that is nobody's, and one of ours that a bad disk has changed, while the agent that finds
// it is killed again and again.
TEST(StoreCrashTest, AForeignOrDamagedFileOutlivesWhoeverMovesItAside) {
  std::mt19937 random(20261125);
  for (const bool foreign : {true, false}) {
    const testing::TemporaryDirectory directory;
    std::string bytes(40'000, 'x');
    if (!foreign) {
      auto store = StoreWriter::open(directory.store(), 1);
      ASSERT_TRUE(store);
      for (std::uint32_t i = 1; i <= 40; ++i) ASSERT_TRUE(store->put(numbered(i)));
      std::ifstream file(directory.store(), std::ios::binary);
      bytes.assign(std::istreambuf_iterator<char>(file), {});
      // Heads of pages: elsewhere it may be room that nobody uses.
      constexpr std::size_t kPage = 16384;
      for (std::size_t at = kPage; at + 100 < bytes.size(); at += kPage) {
        bytes.replace(at, 100, 100, '\xA5');
      }
    }
    for (int round = 0; round < 15; ++round) {
      fs::remove(directory.store() + ".damaged-1");
      fs::remove(directory.store() + "-journal");
      std::ofstream(directory.store(), std::ios::binary | std::ios::trunc) << bytes;
      Killed agent(random);
      agent.run([&] { write_forever(directory.store(), 1, -1, std::nullopt); }, [] {});
      ASSERT_TRUE(is_kept(directory.store(), bytes)) << "round " << round;
      auto store = StoreWriter::open(directory.store(), 1);
      ASSERT_TRUE(store) << store.error().sentence();
      ASSERT_TRUE(is_kept(directory.store(), bytes)) << "round " << round;
      ASSERT_TRUE(store->put(numbered(1)));
      ASSERT_EQ(newest_of_all(directory.store(), 1), 1U);
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
