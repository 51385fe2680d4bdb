// The tables of schema version 3: the kernel log, boots, and who ran in them.
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
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Reason = StoredKernelLogGap::Reason;

constexpr std::uint64_t kNow = 1'795'484'000'000'000;

KernelLogLine line(std::uint64_t sequence, const std::string& text = "some line") {
  return {.sequence = sequence,
          .printk = Usec(sequence * 10),
          .when = {Usec(sequence * 10 + 5), Usec(kNow + sequence)},
          .priority = 6,
          .continuation = false,
          .text = text};
}

StoredKernelLog log_of(std::vector<KernelLogLine> lines) {
  StoredKernelLog log;
  if (!lines.empty()) log.last_sequence = lines.back().sequence;
  log.lines = std::move(lines);
  return log;
}

Verdict death(const std::string& workload, std::uint64_t wall = kNow, unsigned incarnation = 1) {
  Verdict verdict;
  verdict.workload = workload;
  verdict.incarnation = incarnation;
  verdict.verdict = VerdictClass::exited;
  verdict.from = {Usec(1), Usec(wall - 10)};
  verdict.when = {Usec(2), Usec(wall)};
  return verdict;
}

class StoreKernelLogTest : public ::testing::Test {
 protected:
  StoreWriter writer(const std::string& boot = "boot-1") {
    auto opened = StoreWriter::open(directory_.store(), 1);
    if (!opened) throw std::runtime_error(opened.error().sentence());
    if (!boot.empty() && !opened->begin_boot(boot, Usec(kNow))) throw std::runtime_error("boot");
    return std::move(*opened);
  }
  StoreReader reader() {
    auto opened = StoreReader::open(directory_.store());
    if (!opened) throw std::runtime_error(opened.error().sentence());
    return std::move(*opened);
  }
  static std::vector<std::uint64_t> sequences(const StoredKernelLog& log) {
    std::vector<std::uint64_t> found;
    for (const auto& one : log.lines) found.push_back(one.sequence);
    return found;
  }
  testing::TemporaryDirectory directory_;
};

TEST_F(StoreKernelLogTest, GivesBackEveryMember) {
  auto log = log_of({line(7, "a;b,c \x01")});
  log.lines[0].continuation = true;
  log.gaps.push_back({Reason::dropped, {Usec(1), Usec(20), 42}, Usec(kNow + 20)});
  {
    StoreWriter store = writer();
    ASSERT_TRUE(store.put_kernel_log(log));
    // Read again after a restart: not twice.
    ASSERT_TRUE(store.put_kernel_log(log_of(log.lines)));
  }
  const auto stored = *writer().kernel_log();
  ASSERT_THAT(stored.lines, SizeIs(1));
  EXPECT_EQ(stored.lines[0].sequence, 7U);
  EXPECT_EQ(stored.lines[0].printk, Usec(70));
  EXPECT_EQ(stored.lines[0].when.boottime, Usec(75));
  EXPECT_EQ(stored.lines[0].when.wall, Usec(kNow + 7));
  EXPECT_EQ(stored.lines[0].priority, 6U);
  EXPECT_TRUE(stored.lines[0].continuation);
  EXPECT_EQ(stored.lines[0].text, "a;b,c \x01");
  EXPECT_EQ(stored.last_sequence, 7U);
  ASSERT_THAT(stored.gaps, SizeIs(1));
  EXPECT_EQ(stored.gaps[0].reason, Reason::dropped);
  EXPECT_EQ(stored.gaps[0].gap.count, 42U);
  EXPECT_EQ(stored.gaps[0].gap.from, Usec(1));
  EXPECT_EQ(stored.gaps[0].gap.to, Usec(20));
}

TEST_F(StoreKernelLogTest, BootsAreApart) {
  ASSERT_TRUE(writer("boot-1").put_kernel_log(log_of({line(1), line(2)})));
  StoreWriter second = writer("boot-2");
  EXPECT_THAT(second.kernel_log()->lines, IsEmpty());
  EXPECT_FALSE(second.kernel_log()->last_sequence);
  ASSERT_TRUE(second.put_kernel_log(log_of({line(1)})));
  const auto all = *reader().kernel_log(Usec(0), Usec(kNow + 100));
  ASSERT_THAT(all, SizeIs(2));
  EXPECT_EQ(all[0].boot_id, "boot-1");
  EXPECT_THAT(sequences(all[0].log), ElementsAre(1, 2));
  EXPECT_THAT(sequences(all[1].log), ElementsAre(1));
  const auto some = *reader().kernel_log(Usec(kNow + 2), Usec(kNow + 2));
  ASSERT_THAT(some, SizeIs(1));
  EXPECT_THAT(sequences(some[0].log), ElementsAre(2));
}

TEST_F(StoreKernelLogTest, NothingIsStoredBeforeTheBootIsKnown) {
  StoreWriter store = writer("");
  ASSERT_TRUE(store.put_kernel_log(log_of({line(1)})));
  ASSERT_TRUE(store.put_running({}, Usec(1), false));
  EXPECT_THAT(*reader().kernel_log(Usec(0), Usec(kNow + 100)), IsEmpty());
}

TEST_F(StoreKernelLogTest, AFloodCostsNoKill) {
  StoreWriter store = writer();
  std::vector<KernelLogLine> lines{line(1, "oom-kill:constraint=CONSTRAINT_MEMCG,x")};
  auto rest = line(2, "the rest of it");
  rest.continuation = true;
  lines.push_back(rest);
  for (std::uint64_t i = 3; i < limits::kStoredKernelLogLines + 5000; ++i) lines.push_back(line(i));
  ASSERT_TRUE(store.put_kernel_log(log_of(lines)));
  const auto kept = *store.kernel_log();
  EXPECT_EQ(kept.lines.size(), limits::kStoredKernelLogLines + 2);
  EXPECT_EQ(kept.lines[0].sequence, 1U);
  EXPECT_EQ(kept.lines[1].text, "the rest of it");
  EXPECT_EQ(kept.lines[2].sequence, 5000U);
}

TEST_F(StoreKernelLogTest, OldLinesGo) {
  StoreWriter store = writer();
  auto log = log_of({line(1)});
  log.gaps.push_back({Reason::overwritten, {Usec(1), Usec(2), 3}, Usec(kNow)});
  ASSERT_TRUE(store.put_kernel_log(log));
  std::vector<KernelLogLine> later;
  for (std::uint64_t i = 2; i < 1002; ++i) {
    later.push_back(line(i));
    later.back().when.wall += std::chrono::seconds(limits::kStoredKernelLogSeconds + 1);
  }
  ASSERT_TRUE(store.put_kernel_log(log_of(later)));
  EXPECT_EQ(store.kernel_log()->lines.front().sequence, 2U);
  EXPECT_THAT(store.kernel_log()->gaps, IsEmpty());
}

TEST_F(StoreKernelLogTest, ADeathAndItsLinesAreOneCommit) {
  StoreWriter store = writer();
  const auto before = commits_of(directory_.store());
  bool dropped = false;
  ASSERT_TRUE(store.put(std::vector{death("web")}, {}, log_of({line(1)}), &dropped));
  EXPECT_EQ(commits_of(directory_.store()), before + 1);
  EXPECT_FALSE(dropped);
  EXPECT_THAT(sequences(*store.kernel_log()), ElementsAre(1));
}

// RLIMIT_FSIZE stands in for a full disk.
TEST_F(StoreKernelLogTest, AFullDiskDropsTheLogAndTakesTheVerdict) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    auto store = StoreWriter::open(directory_.store(), 1);
    if (!store || !store->begin_boot("boot-1", Usec(kNow))) ::_exit(1);
    const rlimit limit{fs::file_size(directory_.store()), RLIM_INFINITY};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    std::vector<KernelLogLine> lines;
    for (std::uint64_t i = 0; i < 2000; ++i) lines.push_back(line(i));
    if (store->put_kernel_log(log_of(lines))) ::_exit(2);
    bool dropped = false;
    if (!store->put(std::vector{death("web")}, {}, log_of(lines), &dropped)) ::_exit(3);
    ::_exit(dropped ? 0 : 4);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_THAT(*reader().verdicts("web", 5), SizeIs(1));
  EXPECT_THAT(*reader().kernel_log(Usec(0), Usec(kNow + 9999)), IsEmpty());
}

TEST_F(StoreKernelLogTest, AFileOfVersionTwoIsBroughtUpToDate) {
  {
    StoreWriter store = writer("");
    ASSERT_TRUE(store.put(death("web")));
  }
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(directory_.store().c_str(), &database), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(database,
                         "DROP TABLE boot; DROP TABLE running; DROP TABLE kmsg; DROP TABLE "
                         "kmsg_gap; DROP TRIGGER verdict_gone; DROP TABLE verdict_brief; "
                         "PRAGMA user_version=2;",
                         nullptr, nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(database);
  const StoreReader old = reader();
  EXPECT_THAT(*old.kernel_log(Usec(0), Usec(kNow)), IsEmpty());
  StoreWriter store = writer();
  EXPECT_EQ(store.notice(), "");
  ASSERT_TRUE(store.put_kernel_log(log_of({line(1)})));
  // Also for who had it open.
  EXPECT_THAT(*old.kernel_log(Usec(0), Usec(kNow + 5)), SizeIs(1));
  EXPECT_THAT(*old.verdicts("web", 5), SizeIs(1));
}

TEST_F(StoreKernelLogTest, WhoRanInABootOfBefore) {
  {
    StoreWriter first = writer("boot-1");
    const std::vector<RunningWorkload> three{{"db", 2, 77, {Usec(5), Usec(kNow)}},
                                             {"gone", 1, 78, {Usec(5), Usec(kNow)}},
                                             {"web", 4, 79, {Usec(6), Usec(kNow + 1)}}};
    ASSERT_TRUE(first.put_running(three, Usec(kNow + 50), false));
    EXPECT_THAT(*first.unfinished_boots(), IsEmpty());  // its own boot
    ASSERT_TRUE(first.put(death("gone", kNow + 40)));
  }
  StoreWriter second = writer("boot-2");
  const auto boots = *second.unfinished_boots();
  ASSERT_THAT(boots, SizeIs(1));
  EXPECT_EQ(boots[0].boot_id, "boot-1");
  EXPECT_EQ(boots[0].seen, Usec(kNow + 50));
  EXPECT_FALSE(boots[0].stopped);
  // The end of one of them was told of.
  ASSERT_THAT(boots[0].running, SizeIs(2));
  EXPECT_EQ(boots[0].running[0].workload, "db");
  EXPECT_EQ(boots[0].running[0].incarnation, 2U);
  EXPECT_EQ(boots[0].running[0].main_pid, 77);
  EXPECT_EQ(boots[0].running[1].from.boottime, Usec(6));
  ASSERT_TRUE(second.forget_unfinished_boots());
  EXPECT_THAT(*second.unfinished_boots(), IsEmpty());
}

TEST_F(StoreKernelLogTest, AnAgentThatEndedAsAskedHasStopped) {
  {
    StoreWriter first = writer("boot-1");
    ASSERT_TRUE(first.put_running(std::vector<RunningWorkload>{{"db", 1, 7, {}}}, Usec(2), true));
  }
  EXPECT_TRUE(writer("boot-2").unfinished_boots()->front().stopped);
  {
    auto again = writer("boot-1");
  }  // it began again, and was not heard of since
  EXPECT_FALSE(writer("boot-2").unfinished_boots()->front().stopped);
}

TEST_F(StoreKernelLogTest, NamesForOneUseAreBounded) {
  StoreWriter store = writer();
  ASSERT_TRUE(store.put(death("web")));
  std::vector<Verdict> many;
  for (std::size_t i = 0; i < limits::kSubjectVerdicts + 300; ++i) {
    many.push_back(death("container://shop/pod-" + std::to_string(i) + "/nginx", kNow + i));
  }
  ASSERT_TRUE(store.put(many, {}));
  EXPECT_EQ(reader().workloads()->size(), limits::kSubjectVerdicts + 1);
  EXPECT_THAT(*reader().verdicts("web", 5), SizeIs(1));
  EXPECT_THAT(*reader().verdicts("container://shop/pod-299/nginx", 5), IsEmpty());
  EXPECT_THAT(*reader().verdicts("container://shop/pod-300/nginx", 5), SizeIs(1));
}

TEST_F(StoreKernelLogTest, OldVerdictsOfSubjectsGo) {
  const auto later = kNow + (limits::kSubjectVerdictSeconds + 1) * 1'000'000;
  ASSERT_TRUE(writer().put(std::vector{death("web"), death("unit:/old.service")}, {}));
  ASSERT_TRUE(writer().put(std::vector{death("unit:/new.service", later)}, {}));
  EXPECT_THAT(*reader().workloads(), ElementsAre("unit:/new.service", "web"));
}

}  // namespace
}  // namespace cgwarden::diagnosis
