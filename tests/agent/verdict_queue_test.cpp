#include "agent/verdict_queue.h"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "diagnosis/store.h"
#include "tests/temporary_directory.h"

namespace cgwarden::agent {
namespace {

using diagnosis::Verdict;
using testing::ElementsAre;

constexpr Usec kQueueSecond{1'000'000};

Verdict death_in_queue(unsigned incarnation) {
  Verdict verdict;
  verdict.workload = "web";
  verdict.incarnation = incarnation;
  verdict.verdict = diagnosis::VerdictClass::exited;
  verdict.from = {Usec(incarnation), Usec(1000 + incarnation)};
  verdict.when = {Usec(incarnation + 1), Usec(2000 + incarnation)};
  verdict.stderr_tail = std::string(8000, 'x');
  return verdict;
}

Verdict stall_in_queue(unsigned incarnation) {
  Verdict verdict = death_in_queue(incarnation);
  verdict.verdict = diagnosis::VerdictClass::throttled;
  verdict.death = false;
  return verdict;
}

// A store that takes what it is given, or fails.
struct Shelf {
  bool full = false;
  unsigned attempts = 0;
  std::vector<unsigned> has;
  [[nodiscard]] VerdictQueue::Put put() {
    return [this](std::span<const Verdict> verdicts) -> Status {
      ++attempts;
      if (full) return fail(Error{ErrorKind::io, ENOSPC, "use", "store.db", ""});
      for (const auto& verdict : verdicts) has.push_back(verdict.incarnation);
      return {};
    };
  }
};

TEST(VerdictQueue, WhatTheStoreRefusesIsStoredInItsOrderOnceItTakesIt) {
  Shelf shelf{.full = true};
  VerdictQueue queue;
  queue.add(death_in_queue(1));
  EXPECT_FALSE(queue.store(kQueueSecond, shelf.put()));
  queue.add(death_in_queue(2));
  EXPECT_TRUE(queue.store(kQueueSecond, shelf.put()));  // not again at once
  EXPECT_EQ(shelf.attempts, 1U);
  EXPECT_EQ(queue.waiting(), 2U);
  EXPECT_TRUE(queue.has_death("web", 2, Usec{2002}));
  EXPECT_FALSE(queue.has_death("web", 2, Usec{2003}));
  shelf.full = false;
  queue.add(death_in_queue(3));
  queue.hurry();
  EXPECT_TRUE(queue.store(kQueueSecond, shelf.put()));
  EXPECT_THAT(shelf.has, ElementsAre(1, 2, 3));
  EXPECT_EQ(queue.waiting(), 0U);
  EXPECT_FALSE(queue.has_death("web", 2, Usec{2002}));
  EXPECT_EQ(queue.dropped(), 0U);
}

TEST(VerdictQueue, IsTriedAgainEverMoreSeldomUpToHalfAMinute) {
  Shelf shelf{.full = true};
  VerdictQueue queue;
  EXPECT_TRUE(queue.store(kQueueSecond, shelf.put()));
  EXPECT_EQ(shelf.attempts, 0U);  // for nothing
  queue.add(death_in_queue(1));
  EXPECT_FALSE(queue.store(Usec{0}, shelf.put()));
  std::vector<std::uint64_t> attempts;
  for (std::uint64_t second = 0; second <= 100; ++second) {
    if (!queue.store(second * kQueueSecond, shelf.put())) attempts.push_back(second);
  }
  EXPECT_THAT(attempts, ElementsAre(1, 3, 7, 15, 31, 61, 91));
  shelf.full = false;
  EXPECT_TRUE(queue.store(130 * kQueueSecond, shelf.put()));
  EXPECT_THAT(shelf.has, ElementsAre(1));
  // The next trouble is a new one.
  shelf.full = true;
  queue.add(death_in_queue(2));
  EXPECT_FALSE(queue.store(200 * kQueueSecond, shelf.put()));
  EXPECT_FALSE(queue.store(201 * kQueueSecond, shelf.put()));
}

// A disk that stays full must not cost the loop a long transaction each time.
TEST(VerdictQueue, ManyAreTriedSomeAtATime) {
  VerdictQueue queue;
  for (unsigned i = 1; i <= 1000; ++i) queue.add(death_in_queue(i));
  std::vector<std::size_t> sizes;
  EXPECT_FALSE(queue.store(Usec{0}, [&](std::span<const Verdict> batch) -> Status {
    sizes.push_back(batch.size());
    if (sizes.size() < 3) return {};
    return fail(Error{ErrorKind::io, ENOSPC, "use", "store.db", ""});
  }));
  EXPECT_THAT(sizes, ElementsAre(128, 128, 128));
  EXPECT_EQ(queue.waiting(), 1000U - 256U);
}

TEST(VerdictQueue, OverItsBoundStallsGoBeforeDeathsAndAreCounted) {
  Shelf shelf;
  VerdictQueue queue(3);
  queue.add(death_in_queue(1));
  queue.add(stall_in_queue(2));
  queue.add(stall_in_queue(2));  // the same stall, longer
  EXPECT_EQ(queue.waiting(), 2U);
  queue.add(death_in_queue(3));
  queue.add(death_in_queue(4));
  EXPECT_EQ(queue.dropped(), 1U);
  queue.add(death_in_queue(5));
  EXPECT_EQ(queue.dropped(), 2U);
  EXPECT_TRUE(queue.store(Usec{0}, shelf.put()));
  EXPECT_THAT(shelf.has, ElementsAre(3, 4, 5));
}

// RLIMIT_FSIZE stands in for a full disk: write(2) fails in the middle of a commit.
class FullDisk {
 public:
  explicit FullDisk(const std::string& file) {
    ::signal(SIGXFSZ, SIG_IGN);
    set(std::filesystem::file_size(file));
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;
  ~FullDisk() {
    set(RLIM_INFINITY);
    ::signal(SIGXFSZ, SIG_DFL);
  }

 private:
  static void set(rlim_t bytes) {
    const rlimit limit{bytes, RLIM_INFINITY};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
};

TEST(VerdictQueue, AFullDiskLosesNoVerdict) {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/store.db";
  auto store = diagnosis::StoreWriter::open(path, 1);
  ASSERT_TRUE(store) << store.error().sentence();
  const auto put = [&](std::span<const Verdict> verdicts) { return store->put(verdicts, {}); };
  VerdictQueue queue;
  constexpr unsigned kDeaths = 60;
  {
    const FullDisk full(path);
    unsigned refused = 0;
    for (unsigned i = 1; i <= kDeaths; ++i) {
      queue.add(death_in_queue(i));
      queue.hurry();
      refused += queue.store(i * kQueueSecond, put) ? 0 : 1;
    }
    EXPECT_GT(refused, kDeaths / 2);
    EXPECT_GT(queue.waiting(), kDeaths / 2);
  }
  EXPECT_TRUE(queue.store(1000 * kQueueSecond, put));
  EXPECT_EQ(queue.waiting(), 0U);
  const auto reader = diagnosis::StoreReader::open(path);
  ASSERT_TRUE(reader);
  EXPECT_EQ(reader->verdicts("web", 1000)->size(), kDeaths);
  EXPECT_EQ(queue.dropped(), 0U);
}

}  // namespace
}  // namespace cgwarden::agent
