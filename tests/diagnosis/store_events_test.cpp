// The table of events, and the way from a store of schema version 1.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>

#include "base/limits.h"
#include "diagnosis/store.h"
#include "diagnosis/store_schema.h"
#include "tests/diagnosis/commits.h"
#include "tests/diagnosis/temporary_directory.h"

namespace cgwarden::diagnosis {
namespace {

namespace fs = std::filesystem;
using testing::commits_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// As the first release made it.
constexpr const char* kVersion1 =
    "PRAGMA page_size=16384; PRAGMA journal_mode=TRUNCATE; BEGIN IMMEDIATE;"
    "CREATE TABLE verdict(id INTEGER PRIMARY KEY, workload TEXT NOT NULL, incarnation INTEGER NOT "
    "NULL, class TEXT NOT NULL, death INTEGER NOT NULL, from_wall_usec INTEGER NOT NULL, "
    "when_wall_usec INTEGER NOT NULL, json TEXT NOT NULL, UNIQUE(workload, incarnation, class, "
    "from_wall_usec)); CREATE INDEX verdict_by_time ON verdict(workload, when_wall_usec);"
    "CREATE TABLE counter(workload TEXT NOT NULL, name TEXT NOT NULL, value INTEGER NOT NULL,"
    " PRIMARY KEY(workload, name)) WITHOUT ROWID;"
    "INSERT INTO counter VALUES('web', 'starts', 7);"
    "PRAGMA application_id=1667725156; PRAGMA user_version=1; COMMIT;";

Event event(EventKind kind, std::uint64_t wall, const std::string& cgroup = "/a") {
  return {.kind = kind, .when = {Usec(1), Usec(wall)}, .cgroup = cgroup};
}

Verdict exit_of(unsigned incarnation) {
  Verdict verdict;
  verdict.workload = "web";
  verdict.incarnation = incarnation;
  verdict.verdict = VerdictClass::exited;
  verdict.when = {Usec(1), Usec(2000 + incarnation)};
  return verdict;
}

class StoreEventsTest : public ::testing::Test {
 protected:
  StoreWriter writer() {
    auto opened = StoreWriter::open(directory_.store(), 1);
    if (!opened) throw std::runtime_error(opened.error().sentence());
    return std::move(*opened);
  }
  StoreReader reader() {
    auto opened = StoreReader::open(directory_.store());
    if (!opened) throw std::runtime_error(opened.error().sentence());
    return std::move(*opened);
  }
  void sql(const std::string& text) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(directory_.store().c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, text.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(database);
    sqlite3_close(database);
  }
  // The cgroups of what a filter finds, in its order.
  std::vector<std::string> cgroups(const EventFilter& filter) {
    std::vector<std::string> found;
    const auto events = reader().events(filter);
    if (!events) throw std::runtime_error(events.error().sentence());
    for (const auto& stored : *events) found.push_back(stored.event.cgroup);
    return found;
  }
  testing::TemporaryDirectory directory_;
};

TEST_F(StoreEventsTest, GivesTheNewestOldestFirst) {
  StoreWriter store = writer();
  ASSERT_TRUE(store.put_events(std::vector{event(EventKind::oom_kill, 10, "/a"),
                                           event(EventKind::frozen, 20, "/b"),
                                           event(EventKind::death, 30, "/c")}));
  EXPECT_THAT(cgroups({}), ElementsAre("/a", "/b", "/c"));
  EXPECT_THAT(cgroups({.most = 2}), ElementsAre("/b", "/c"));
  EXPECT_THAT(cgroups({.since = Usec(20), .until = Usec(20)}), ElementsAre("/b"));
  EXPECT_THAT(
      cgroups({.matches = [](const Event& e) { return e.kind != EventKind::death; }, .most = 1}),
      ElementsAre("/b"));
  EXPECT_THAT(cgroups({.most = 0}), IsEmpty());
}

TEST_F(StoreEventsTest, WhoFollowsMissesNothingAndSeesNothingTwice) {
  StoreWriter store = writer();
  const StoreReader read = reader();
  std::int64_t after = 0;
  for (std::uint64_t i = 1; i <= 5; ++i) {
    ASSERT_TRUE(
        store.put_events(std::vector{event(EventKind::thawed, i), event(EventKind::frozen, i)}));
    const auto events = read.events({.after = after});
    ASSERT_TRUE(events);
    ASSERT_EQ(events->size(), 2U);
    EXPECT_EQ((*events)[0].event.when.wall, Usec(i));
    after = events->back().id;
  }
  // Also when all were dropped for their age.
  ASSERT_TRUE(store.put_events(
      std::vector{event(EventKind::frozen, (limits::kStoredEventSeconds + 1) * 1'000'000)}));
  EXPECT_EQ(read.events({.after = after})->size(), 1U);
  EXPECT_EQ(read.events({})->size(), 1U);
}

TEST_F(StoreEventsTest, AChattyKindDropsItsOwnOldestOnly) {
  StoreWriter store = writer();
  ASSERT_TRUE(store.put_events(std::vector{event(EventKind::oom_kill, 1, "/rare")}));
  std::vector<Event> many;
  for (std::size_t i = 0; i < limits::kStoredEventsPerKind + 3; ++i) {
    many.push_back(event(EventKind::policy_write, 2, "/" + std::to_string(i)));
  }
  ASSERT_TRUE(store.put_events(many));
  const auto found = cgroups({.most = many.size() * 2});
  ASSERT_EQ(found.size(), limits::kStoredEventsPerKind + 1);
  EXPECT_EQ(found[0], "/rare");
  EXPECT_EQ(found[1], "/3");
}

TEST_F(StoreEventsTest, EventsAndCountersAreOneCommit) {
  StoreWriter store = writer();
  const auto before = commits_of(directory_.store());
  ASSERT_TRUE(
      store.put_events(std::vector{event(EventKind::frozen, 1), event(EventKind::thawed, 2)},
                       std::vector<StoreWriter::Counter>{{"node:", "oom", 3}}));
  EXPECT_EQ(commits_of(directory_.store()), before + 1);
  ASSERT_TRUE(store.put_events({}));
  EXPECT_EQ(commits_of(directory_.store()), before + 1);
  EXPECT_EQ(store.counters()->front().value, 3U);
}

TEST_F(StoreEventsTest, AFileOfVersionOneIsBroughtUpToDate) {
  sql(kVersion1);
  {
    const StoreReader old = reader();
    EXPECT_THAT(*old.events({}), IsEmpty());
    StoreWriter store = writer();
    EXPECT_EQ(store.notice(), "");
    EXPECT_EQ(store.counters()->front().value, 7U);
    ASSERT_TRUE(store.put_events(std::vector{event(EventKind::frozen, 1)}));
    ASSERT_TRUE(store.put(exit_of(1)));
    // Also for who had it open.
    EXPECT_EQ(old.events({})->size(), 1U);
  }
  (void)writer();
  EXPECT_THAT(cgroups({}), ElementsAre("/a"));
  EXPECT_FALSE(fs::exists(directory_.store() + ".damaged-1"));
}

TEST_F(StoreEventsTest, ADamagedFileOfVersionOneIsMovedAsideAsItIs) {
  sql(kVersion1);
  fs::resize_file(directory_.store(), 2 * 16384 + 100);
  StoreWriter store = writer();
  EXPECT_THAT(store.notice(), HasSubstr("moved"));
  EXPECT_TRUE(fs::exists(directory_.store() + ".damaged-1"));
  EXPECT_TRUE(store.put_events(std::vector{event(EventKind::frozen, 1)}));
}

// RLIMIT_FSIZE stands in for a full disk.
int on_a_full_disk(const std::string& path, int (*act)(const std::string& path)) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    ::_exit(act(path));
  }
  int status = 0;
  return ::waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void limit_file_size(std::uintmax_t size) {
  rlimit limit{size, RLIM_INFINITY};
  ::setrlimit(RLIMIT_FSIZE, &limit);
}

TEST_F(StoreEventsTest, AFullDiskRefusesEventsAndTakesTheVerdict) {
  const int status = on_a_full_disk(directory_.store(), [](const std::string& path) {
    auto store = StoreWriter::open(path, 1);
    if (!store) return 1;
    // Space for a verdict in the pages that are there, none for more pages.
    limit_file_size(fs::file_size(path));
    std::vector<Event> many;
    for (unsigned i = 0; i < 1000; ++i) many.push_back(event(EventKind::policy_write, i));
    if (store->put_events(many)) return 2;
    return store->put(exit_of(1)) ? 0 : 3;
  });
  EXPECT_EQ(status, 0);
  EXPECT_EQ(reader().verdicts("web", 5)->size(), 1U);
  EXPECT_THAT(cgroups({}), IsEmpty());
}

TEST_F(StoreEventsTest, AFullDiskKeepsVersionOneGoing) {
  sql(kVersion1);
  const int status = on_a_full_disk(directory_.store(), [](const std::string& path) {
    limit_file_size(fs::file_size(path));
    auto store = StoreWriter::open(path, 1);
    if (!store) return 1;
    if (store->notice().find("disk is full") == std::string::npos) return 2;
    if (store->put_events(std::vector{event(EventKind::frozen, 1)})) return 3;
    return store->put(exit_of(1)) ? 0 : 4;
  });
  EXPECT_EQ(status, 0);
  EXPECT_THAT(cgroups({}), IsEmpty());
  StoreWriter store = writer();
  EXPECT_TRUE(store.put_events(std::vector{event(EventKind::frozen, 1)}));
  EXPECT_EQ(reader().verdicts("web", 5)->size(), 1U);
}

}  // namespace
}  // namespace cgwarden::diagnosis
