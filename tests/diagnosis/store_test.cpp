#include "diagnosis/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <stdexcept>

#include "base/limits.h"
#include "diagnosis/sqlite.h"
#include "diagnosis/store_schema.h"
#include "diagnosis/verdict_brief.h"
#include "tests/diagnosis/commits.h"
#include "tests/diagnosis/temporary_directory.h"

namespace cgwarden::diagnosis {
namespace {

namespace fs = std::filesystem;
using testing::commits_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Verdict death(unsigned incarnation, const std::string& workload = "web") {
  Verdict verdict;
  verdict.workload = workload;
  verdict.incarnation = incarnation;
  verdict.verdict = VerdictClass::exited;
  verdict.confidence = Confidence::strong;
  verdict.from = {Usec(incarnation), Usec(1000 + incarnation)};
  verdict.when = {Usec(incarnation + 1), Usec(2000 + incarnation)};
  verdict.answer = "answer " + std::to_string(incarnation);
  return verdict;
}

Verdict stall(unsigned incarnation) {
  Verdict verdict = death(incarnation);
  verdict.verdict = VerdictClass::throttled;
  verdict.death = false;
  return verdict;
}

class StoreTest : public ::testing::Test {
 protected:
  StoreWriter writer() {
    auto opened = StoreWriter::open(directory_.store(), 1'795'484'000);
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
    EXPECT_EQ(sqlite3_exec(database, text.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << text;
    sqlite3_close(database);
  }
  std::int64_t number(const std::string& query) {
    const auto database = Database::open(directory_.store(), Database::Mode::read_only);
    auto statement = database->prepare(query);
    if (!statement || !statement->step().value_or(false)) throw std::runtime_error(query);
    return statement->integer(0);
  }
  [[nodiscard]] std::string aside() const { return directory_.store() + ".damaged-1795484000"; }
  testing::TemporaryDirectory directory_;
};

TEST_F(StoreTest, GivesBackTheNewestFirst) {
  StoreWriter store = writer();
  EXPECT_EQ(store.notice(), "");
  for (const unsigned i : {3U, 1U, 2U}) ASSERT_TRUE(store.put(death(i)));
  ASSERT_TRUE(store.put(death(9, "db")));
  const StoreReader read = reader();
  const auto verdicts = read.verdicts("web", 2);
  ASSERT_TRUE(verdicts);
  ASSERT_EQ(verdicts->size(), 2U);
  EXPECT_EQ((*verdicts)[0].answer, "answer 3");
  EXPECT_EQ((*verdicts)[1].answer, "answer 2");
  EXPECT_THAT(*read.workloads(), ElementsAre("db", "web"));
  EXPECT_TRUE(read.verdicts("nobody", 5)->empty());
}

TEST_F(StoreTest, ARowThatCannotBeReadHidesNoOther) {
  {
    StoreWriter store = writer();
    for (const unsigned i : {1U, 2U, 3U}) ASSERT_TRUE(store.put(death(i)));
    ASSERT_TRUE(store.put_events(std::vector<Event>(3, Event{.kind = EventKind::death})));
  }
  sql("UPDATE verdict SET json='{' WHERE incarnation=2");
  sql("UPDATE event SET json='{\"version\":77}' WHERE id=2");
  const StoreReader read = reader();
  const auto verdicts = read.verdicts("web", 10);
  ASSERT_TRUE(verdicts) << verdicts.error().sentence();
  ASSERT_EQ(verdicts->size(), 2U);
  EXPECT_EQ(verdicts->front().incarnation, 3U);
  EXPECT_EQ(verdicts->back().incarnation, 1U);
  EXPECT_EQ(read.unreadable(), 1U);
  EXPECT_EQ(read.verdicts_since(Usec{0}, 10)->size(), 2U);
  const auto events = read.events({});
  ASSERT_TRUE(events) << events.error().sentence();
  EXPECT_EQ(events->size(), 2U);
  EXPECT_EQ(read.unreadable(), 3U);
}

TEST_F(StoreTest, OneRowForOneStall) {
  StoreWriter store = writer();
  Verdict verdict = stall(1);
  ASSERT_TRUE(store.put(verdict));
  verdict.when.wall = Usec(9999);
  verdict.answer = "longer";
  ASSERT_TRUE(store.put(verdict));
  const auto verdicts = reader().verdicts("web", 10);
  ASSERT_EQ(verdicts->size(), 1U);
  EXPECT_EQ(verdicts->front().answer, "longer");
}

TEST_F(StoreTest, KnowsADeathAgain) {
  StoreWriter store = writer();
  ASSERT_TRUE(store.put(death(4)));
  ASSERT_TRUE(store.put(stall(5)));
  EXPECT_TRUE(*store.has_death("web", 4, Usec(2004)));
  EXPECT_FALSE(*store.has_death("web", 4, Usec(2005)));
  EXPECT_FALSE(*store.has_death("web", 3, Usec(2004)));
  EXPECT_FALSE(*store.has_death("db", 4, Usec(2004)));
  EXPECT_FALSE(*store.has_death("web", 5, Usec(2005)));  // a stall is no death
}

TEST_F(StoreTest, IsBoundedAndDropsStallsBeforeDeaths) {
  StoreWriter store = writer();
  ASSERT_TRUE(store.put(death(1, "db")));
  for (unsigned i = 1; i <= 20; ++i) ASSERT_TRUE(store.put(stall(i)));
  for (unsigned i = 21; i <= limits::kVerdictsPerWorkload + 10; ++i)
    ASSERT_TRUE(store.put(death(i)));
  auto verdicts = reader().verdicts("web", 5000);
  ASSERT_EQ(verdicts->size(), limits::kVerdictsPerWorkload);
  // Ten stalls had to go, the oldest; no death.
  EXPECT_EQ(verdicts->back().incarnation, 11U);
  for (unsigned i = 0; i < 20; ++i) ASSERT_TRUE(store.put(death(5000 + i)));
  verdicts = reader().verdicts("web", 5000);
  ASSERT_EQ(verdicts->size(), limits::kVerdictsPerWorkload);
  EXPECT_EQ(verdicts->back().incarnation, 31U);
  // A stall of now is shown though deaths fill the store.
  ASSERT_TRUE(store.put(stall(9000)));
  EXPECT_EQ(reader().verdicts("web", 1)->front().verdict, VerdictClass::throttled);
  EXPECT_EQ(reader().verdicts("db", 5)->size(), 1U);
}

TEST_F(StoreTest, ABriefDeathIsThatOfTheVerdictWithoutItsBulk) {
  StoreWriter store = writer();
  Verdict told = death(1);
  told.limit = LimitHit{"/web", "memory.max", "1"};
  told.actor = Actor{pid_t{3}, "pid 3 `x`"};
  told.evidence = {{"kmsg", "seq 1", std::string(5000, 'x')}, {"waitid", "pid 3", "SIGKILL"}};
  ASSERT_TRUE(store.put(told));
  // What is known better later takes its place.
  told.actor->exe = "/bin/x";
  ASSERT_TRUE(store.put(told));
  ASSERT_TRUE(store.put(stall(2)));
  const auto briefs = reader().brief_deaths("web", 5);
  ASSERT_TRUE(briefs);
  ASSERT_EQ(briefs->size(), 1U);
  EXPECT_EQ(to_json(briefs->front()), to_json(*parse_brief(to_json(told))));
  EXPECT_EQ(briefs->front().actor->exe, "/bin/x");
  EXPECT_EQ(number("SELECT count(*) FROM verdict_brief WHERE length(json)<1000"), 1);
}

TEST_F(StoreTest, BriefsGoWithTheirVerdicts) {
  StoreWriter store = writer();
  for (unsigned i = 1; i <= limits::kVerdictsPerWorkload + 10; ++i)
    ASSERT_TRUE(store.put(death(i)));
  EXPECT_EQ(number("SELECT count(*) FROM verdict"),
            static_cast<std::int64_t>(limits::kVerdictsPerWorkload));
  EXPECT_EQ(number("SELECT count(*) FROM verdict_brief WHERE id IN (SELECT id FROM verdict)"),
            static_cast<std::int64_t>(limits::kVerdictsPerWorkload));
  EXPECT_EQ(number("SELECT count(*) FROM verdict_brief"),
            static_cast<std::int64_t>(limits::kVerdictsPerWorkload));
}

TEST_F(StoreTest, AFileOfVersionThreeIsReadAndBroughtUpToDate) {
  ASSERT_TRUE(writer().put(death(1)));
  sql("DROP TRIGGER verdict_gone; DROP TABLE verdict_brief; PRAGMA user_version=3;");
  const StoreReader old = reader();
  EXPECT_EQ(old.brief_deaths("web", 5)->size(), 1U);
  StoreWriter store = writer();
  EXPECT_EQ(store.notice(), "");
  ASSERT_TRUE(store.put(death(2)));
  // Also for who had it open; the older one is read from its verdict.
  const auto briefs = old.brief_deaths("web", 5);
  ASSERT_EQ(briefs->size(), 2U);
  EXPECT_EQ(briefs->front().incarnation, 2U);
  EXPECT_EQ(briefs->back().incarnation, 1U);
  EXPECT_EQ(number("SELECT count(*) FROM verdict_brief"), 1);
}

TEST_F(StoreTest, CountersKeepTheirWholeRange) {
  {
    StoreWriter store = writer();
    using Counters = std::vector<StoreWriter::Counter>;
    ASSERT_TRUE(store.put({}, Counters{{"web", "deaths/EXITED", 1}}));
    ASSERT_TRUE(store.put({}, Counters{{"web", "deaths/EXITED", UINT64_MAX}, {"db", "starts", 0}}));
  }
  const auto counters = writer().counters();
  ASSERT_TRUE(counters);
  ASSERT_EQ(counters->size(), 2U);
  EXPECT_EQ((*counters)[0].workload, "db");
  EXPECT_EQ((*counters)[0].value, 0U);
  EXPECT_EQ((*counters)[1].counter, "deaths/EXITED");
  EXPECT_EQ((*counters)[1].value, UINT64_MAX);
}

TEST_F(StoreTest, ADeathAndAllCountersAreOneTransaction) {
  StoreWriter store = writer();
  std::vector<StoreWriter::Counter> counters;
  for (int i = 0; i < 300; ++i) counters.push_back({"w" + std::to_string(i), "starts", 1});
  const std::vector<Verdict> verdicts{death(1), death(2)};
  const auto before = commits_of(directory_.store());
  ASSERT_TRUE(store.put(verdicts, counters));
  EXPECT_EQ(commits_of(directory_.store()), before + 1);
  ASSERT_TRUE(store.put(death(3)));  // with its pruning
  EXPECT_EQ(commits_of(directory_.store()), before + 2);
  ASSERT_TRUE(store.put({}, {}));
  EXPECT_EQ(commits_of(directory_.store()), before + 2);
  EXPECT_EQ(store.counters()->size(), 300U);
}

TEST_F(StoreTest, HostileTextsAreOnlyTexts) {
  StoreWriter store = writer();
  const std::string name = "w'\");DROP TABLE verdict;--\xff";
  ASSERT_TRUE(store.put(death(1, name)));
  EXPECT_EQ(reader().verdicts(name, 5)->size(), 1U);
}

TEST_F(StoreTest, IsWrittenAsTheDesignSays) {
  {
    StoreWriter store = writer();
    ASSERT_TRUE(store.put(death(1)));
    EXPECT_TRUE(fs::exists(directory_.store() + "-journal"));  // truncated, not deleted, and no WAL
    EXPECT_FALSE(fs::exists(directory_.store() + "-wal"));
  }
  std::ifstream file(directory_.store(), std::ios::binary);
  std::string header(100, '\0');
  file.read(header.data(), 100);
  EXPECT_EQ(header.substr(16, 2), std::string("\x40\x00", 2));  // page size 16384
  EXPECT_EQ(header.substr(68, 4), "cgwd");                      // application_id
}

TEST_F(StoreTest, NoStoreIsVanished) {
  const auto opened = StoreReader::open(directory_.store());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, ErrorKind::vanished);
  EXPECT_FALSE(fs::exists(directory_.store()));
}

TEST_F(StoreTest, ADirectoryBehindASymbolicLink) {
  fs::create_directory(directory_.path() / "real");
  fs::create_directory_symlink(directory_.path() / "real", directory_.path() / "link");
  const auto store = StoreWriter::open(directory_.path() / "link" / "store.db", 1);
  ASSERT_TRUE(store) << store.error().sentence();
}

TEST_F(StoreTest, AForeignFileIsMovedAsideAndSaid) {
  sql("CREATE TABLE theirs(x); INSERT INTO theirs VALUES(1);");
  const auto refused = StoreReader::open(directory_.store());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::malformed);
  StoreWriter store = writer();
  EXPECT_THAT(store.notice(), HasSubstr(aside()));
  EXPECT_TRUE(fs::exists(aside()));
  ASSERT_TRUE(store.put(death(1)));
  EXPECT_EQ(reader().verdicts("web", 5)->size(), 1U);
}

TEST_F(StoreTest, GarbageIsMovedAside) {
  std::ofstream(directory_.store()) << std::string(50'000, 'g');
  EXPECT_FALSE(StoreReader::open(directory_.store()));
  StoreWriter store = writer();
  EXPECT_FALSE(store.notice().empty());
  EXPECT_EQ(fs::file_size(aside()), 50'000U);
}

TEST_F(StoreTest, ACutFileIsMovedAside) {
  {
    StoreWriter store = writer();
    for (unsigned i = 0; i < 100; ++i) ASSERT_TRUE(store.put(death(i)));
  }
  fs::resize_file(directory_.store(), fs::file_size(directory_.store()) / 2);
  StoreWriter store = writer();
  EXPECT_FALSE(store.notice().empty());
  EXPECT_TRUE(fs::exists(aside()));
}

TEST_F(StoreTest, ADamagedPageIsMovedAside) {
  {
    StoreWriter store = writer();
    for (unsigned i = 0; i < 100; ++i) {
      Verdict verdict = death(i);
      verdict.stderr_tail = std::string(2000, 'x');
      ASSERT_TRUE(store.put(verdict));
    }
  }
  {
    std::fstream file(directory_.store(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(3 * 16384);
    file << std::string(16384, '\xee');
  }
  StoreWriter store = writer();
  EXPECT_FALSE(store.notice().empty());
  EXPECT_TRUE(fs::exists(aside()));
}

TEST_F(StoreTest, ANewerSchemaIsRefusedAndLeftAlone) {
  (void)writer();
  sql("PRAGMA user_version=99;");
  const auto store = StoreWriter::open(directory_.store(), 1);
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().kind, ErrorKind::not_supported);
  EXPECT_THAT(store.error().sentence(), HasSubstr("schema 99"));
  EXPECT_FALSE(StoreReader::open(directory_.store()));
  EXPECT_TRUE(fs::exists(directory_.store()));
  EXPECT_FALSE(fs::exists(directory_.store() + ".damaged-1"));
}

TEST_F(StoreTest, AReaderBesideAWriterSeesEachCommit) {
  StoreWriter store = writer();
  const StoreReader read = reader();
  for (unsigned i = 1; i <= 20; ++i) {
    ASSERT_TRUE(store.put(death(i)));
    EXPECT_EQ(read.verdicts("web", 100)->size(), i);
  }
}

TEST_F(StoreTest, ALockedStoreIsBusyAndNotDamaged) {
  StoreWriter store = writer();
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(directory_.store().c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN EXCLUSIVE", nullptr, nullptr, nullptr), SQLITE_OK);
  const Status put = store.put(death(1));
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().kind, ErrorKind::busy);
  const auto second = StoreWriter::open(directory_.store(), 1);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::busy);
  EXPECT_FALSE(fs::exists(directory_.store() + ".damaged-1"));
  sqlite3_close(other);
  EXPECT_TRUE(store.put(death(1)));
}

// RLIMIT_FSIZE stands in for a full disk: write(2) fails in the middle of a commit.
TEST_F(StoreTest, AFullDiskIsAnErrorAndTheNextPutWorks) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    auto store = StoreWriter::open(directory_.store(), 1);
    if (!store || !store->put(death(1))) ::_exit(1);
    rlimit limit{fs::file_size(directory_.store()), RLIM_INFINITY};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    Verdict big = death(2);
    big.stderr_tail = std::string(200'000, 'x');
    if (store->put(big)) ::_exit(2);
    limit.rlim_cur = RLIM_INFINITY;
    ::setrlimit(RLIMIT_FSIZE, &limit);
    ::_exit(store->put(big) ? 0 : 3);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(reader().verdicts("web", 10)->size(), 2U);
}

TEST_F(StoreTest, MovingKeepsIt) {
  StoreWriter first = writer();
  StoreWriter second = std::move(first);
  ASSERT_TRUE(second.put(death(1)));
  StoreReader read = reader();
  StoreReader moved = std::move(read);
  EXPECT_EQ(moved.verdicts("web", 5)->size(), 1U);
}

}  // namespace
}  // namespace cgwarden::diagnosis
