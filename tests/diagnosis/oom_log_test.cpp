// OOM dumps of the kernel log: as two kernels write them, and as adversaries would like them read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/file.h"
#include "base/limits.h"
#include "base/text.h"
#include "diagnosis/kmsg.h"
#include "tests/paths.h"

namespace cgwarden::diagnosis {
namespace {

using ::testing::HasSubstr;

class OomLogTest : public ::testing::Test {
 protected:
  void say(const std::string& text, unsigned priority = 6, bool continuation = false) {
    KmsgRecord record;
    record.priority = priority;
    record.sequence = next_++;
    record.boottime = Usec(record.sequence * 10);
    record.continuation = continuation;
    record.text = text;
    if (auto kill = reader_.feed(record)) kills_.push_back(std::move(*kill));
  }
  void invoked(int order = 0) {
    say("x invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=" + std::to_string(order) +
        ", oom_score_adj=0");
  }
  static std::string memcg_line(const std::string& limited, const std::string& victim,
                                const std::string& comm, int pid) {
    return "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=a,mems_allowed=0,oom_"
           "memcg=" +
           limited + ",task_memcg=" + victim + ",task=" + comm + ",pid=" + std::to_string(pid) +
           ",uid=1000";
  }
  static std::string global_line(const std::string& victim, const std::string& comm, int pid) {
    return "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,"
           "task_memcg=" +
           victim + ",task=" + comm + ",pid=" + std::to_string(pid) + ",uid=0";
  }
  void killed(int pid, const std::string& comm,
              const std::string& by = "Memory cgroup out of memory") {
    say(by + ": Killed process " + std::to_string(pid) + " (" + comm +
            ") total-vm:103524kB, anon-rss:32448kB, file-rss:4kB, shmem-rss:688kB, UID:1000 "
            "pgtables:104kB oom_score_adj:0",
        3);
  }
  OomLogReader reader_;
  std::vector<OomRecord> kills_;
  std::uint64_t next_ = 100;
};

class OomLogFixtureTest : public ::testing::TestWithParam<const char*> {};

TEST_P(OomLogFixtureTest, ReadsARealKernelsDump) {
  const auto text =
      read_file(in_source("tests/fixtures/") + GetParam() + "/kmsg-oom.txt", 1U << 20U);
  ASSERT_TRUE(text) << text.error().sentence();
  OomLogReader reader;
  std::vector<OomRecord> kills;
  for (const auto line : split(*text, '\n')) {
    if (line.empty()) continue;
    const auto record = parse_kmsg_record(line);
    ASSERT_TRUE(record) << line;
    if (auto kill = reader.feed(*record)) kills.push_back(std::move(*kill));
  }
  ASSERT_EQ(kills.size(), 1U);
  const OomRecord& kill = kills[0];
  EXPECT_EQ(kill.constraint, OomConstraint::memcg);
  EXPECT_EQ(kill.oom_memcg, "/parent/leaf");
  EXPECT_EQ(kill.task_memcg, "/parent/leaf");
  EXPECT_EQ(kill.victim_comm, "busybox");
  EXPECT_GT(kill.victim_pid, 1);
  EXPECT_EQ(kill.uid, 0U);
  EXPECT_EQ(kill.usage, Bytes{48U << 20});
  EXPECT_EQ(kill.limit, Bytes{48U << 20});
  EXPECT_GT(kill.anon_rss->value, 40U << 20);
  EXPECT_EQ(kill.shmem_rss, Bytes{0});
  EXPECT_EQ(kill.lines.size(), 4U);
  EXPECT_THAT(kill.lines.back(), HasSubstr("Killed process " + std::to_string(kill.victim_pid)));
  EXPECT_EQ(reader.lost_records(), 0U);
}
INSTANTIATE_TEST_SUITE_P(Kernels, OomLogFixtureTest, ::testing::Values("6.1", "6.12"),
                         [](const auto& kernel) {
                           return kernel.param == std::string("6.1") ? "Linux6_1" : "Linux6_12";
                         });

TEST_F(OomLogTest, ReadsAGlobalKill) {
  invoked();
  say(global_line("/g", "t", 102));
  killed(102, "t", "Out of memory");
  ASSERT_EQ(kills_.size(), 1U);
  EXPECT_EQ(kills_[0].constraint, OomConstraint::global);
  EXPECT_EQ(kills_[0].oom_memcg, "");
  EXPECT_EQ(kills_[0].task_memcg, "/g");
  EXPECT_EQ(kills_[0].sequence, 102U);
  EXPECT_EQ(kills_[0].boottime, Usec(1020));
}

TEST_F(OomLogTest, KnowsAKillByHandAndForgetsItAfterwards) {
  invoked(-1);
  say(global_line("/g", "t", 102));
  killed(102, "t", "Out of memory");
  killed(103, "u", "Out of memory");
  killed(104, "v");
  ASSERT_EQ(kills_.size(), 3U);
  EXPECT_EQ(kills_[0].constraint, OomConstraint::manual);
  EXPECT_EQ(kills_[1].constraint, OomConstraint::global);
  EXPECT_EQ(kills_[2].constraint, OomConstraint::memcg);
}

TEST_F(OomLogTest, ARateLimitedKillTakesNothingOfTheDumpBefore) {
  invoked();
  say("memory: usage 5kB, limit 6kB, failcnt 1");
  say(memcg_line("/a", "/a", "t", 5));
  killed(5, "t");
  killed(6, "t");
  killed(5, "t");  // the pid is used again
  ASSERT_EQ(kills_.size(), 3U);
  EXPECT_EQ(kills_[0].limit, Bytes{6 * 1024});
  EXPECT_EQ(kills_[0].uid, 1000U);
  for (std::size_t i = 1; i < 3; ++i) {
    EXPECT_EQ(kills_[i].oom_memcg, "");
    EXPECT_EQ(kills_[i].task_memcg, "");
    EXPECT_FALSE(kills_[i].limit);
    EXPECT_EQ(kills_[i].anon_rss, Bytes{32448 * 1024});
    EXPECT_EQ(kills_[i].lines.size(), 1U);
  }
}

TEST_F(OomLogTest, AGapEndsADump) {
  invoked(-1);
  say("memory: usage 5kB, limit 6kB, failcnt 1");
  next_ += 40;
  say(global_line("/g", "t", 9));
  killed(9, "t", "Out of memory");
  ASSERT_EQ(kills_.size(), 1U);
  EXPECT_EQ(kills_[0].constraint, OomConstraint::global);
  EXPECT_FALSE(kills_[0].limit);
  EXPECT_EQ(reader_.lost_records(), 40U);
}

TEST_F(OomLogTest, TellsWhenItsGapsWere) {
  say("first");  // number 100: a hundred were overwritten before anybody read
  ASSERT_TRUE(reader_.gap());
  EXPECT_EQ(reader_.gap()->from, Usec(0));
  EXPECT_EQ(reader_.gap()->to, Usec(1000));
  EXPECT_EQ(reader_.gap()->count, 100U);
  say("next");
  EXPECT_FALSE(reader_.gap());
  next_ += 40;
  say("after the flood");
  EXPECT_EQ(reader_.gap()->from, Usec(1010));
  EXPECT_EQ(reader_.gap()->to, Usec(1420));
  EXPECT_EQ(reader_.gap()->count, 40U);
}

TEST(KmsgGapsTest, AnswersForASpanOfTime) {
  KmsgGaps gaps;
  gaps.add({Usec(0), Usec(100), 7});
  gaps.add({Usec(500), Usec(600), 3});
  EXPECT_EQ(gaps.between(Usec(50), Usec(400)).size(), 1U);
  EXPECT_EQ(gaps.between(Usec(101), Usec(499)).size(), 0U);
  EXPECT_EQ(gaps.between(Usec(550), Usec(900)).at(0).count, 3U);
}

TEST(KmsgGapsTest, IsBoundedAndForgetsNone) {
  KmsgGaps gaps;
  for (std::uint64_t i = 0; i < 3 * limits::kKernelLogGaps; ++i) {
    gaps.add({Usec(10 * i), Usec(10 * i + 5), 1});
  }
  const auto all = gaps.between(Usec(0), Usec(1'000'000));
  EXPECT_EQ(all.size(), limits::kKernelLogGaps);
  std::uint64_t count = 0;
  for (const auto& gap : all) count += gap.count;
  EXPECT_EQ(count, 3 * limits::kKernelLogGaps);
  EXPECT_EQ(gaps.between(Usec(0), Usec(1)).size(), 1U);
}

TEST_F(OomLogTest, ANoVictimDumpLeavesNothingBehind) {
  invoked();
  say("memory: usage 5kB, limit 6kB, failcnt 1");
  say("Out of memory and no killable processes...", 4);
  killed(7, "t");
  ASSERT_EQ(kills_.size(), 1U);
  EXPECT_FALSE(kills_[0].limit);
}

TEST_F(OomLogTest, TheSameProcessAndItsGroup) {
  invoked();
  say(memcg_line("/og", "/og", "t", 5));
  killed(5, "t");
  say("Tasks in /og are going to be killed due to memory.oom.group set");
  killed(5, "t");
  say("oom_reaper: reaped process 5 (t), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB");
  killed(6, "u");
  say("eth0: link becomes ready");
  killed(7, "v");
  std::set<pid_t> pids;
  for (const auto& kill : kills_) pids.insert(kill.victim_pid);
  EXPECT_EQ(pids, (std::set<pid_t>{5, 6, 7}));
  EXPECT_EQ(kills_[0].oom_memcg, "/og");
  EXPECT_THAT(kills_[2].lines.front(), HasSubstr("memory.oom.group"));
  EXPECT_EQ(kills_[3].lines.size(), 1U);
}

TEST_F(OomLogTest, WhoWasEndingAlreadyIsOfItsGroupAndNoKillOfItsOwn) {
  say("Memory cgroup out of memory: OOM victim 4 (s) is already exiting. Skip killing the task");
  EXPECT_THAT(kills_, IsEmpty());
  invoked();
  say(memcg_line("/w", "/w/neighbour", "t", 5));
  killed(5, "t");
  say("Tasks in /w are going to be killed due to memory.oom.group set");
  killed(6, "cgwarden-init");
  say("Memory cgroup out of memory: OOM victim 7 (a) b) is already exiting. Skip killing the task");
  killed(8, "u");
  ASSERT_EQ(kills_.size(), 4U);
  EXPECT_EQ(kills_[2].victim_pid, 7);
  EXPECT_EQ(kills_[2].victim_comm, "a) b");
  EXPECT_TRUE(kills_[2].exiting);
  EXPECT_EQ(kills_[2].oom_memcg, "/w");
  EXPECT_TRUE(kills_[3].oom_memcg == "/w" && !kills_[3].exiting);
}

// Who is taken along has no dump of its own: the limit is that of the kill which began it.
TEST_F(OomLogTest, AGroupDiesAtTheLimitOfItsFirstVictim) {
  invoked();
  say("memory: usage 49152kB, limit 49152kB, failcnt 22");
  say("swap: usage 8192kB, limit 16384kB, failcnt 0");
  say(memcg_line("/w", "/w/neighbour", "t", 5));
  killed(5, "t");
  say("Tasks in /w are going to be killed due to memory.oom.group set");
  killed(5, "t");
  killed(6, "u");
  say("eth0: link becomes ready");
  killed(7, "v");
  say("Tasks in /x are going to be killed due to memory.oom.group set");
  killed(8, "y");
  ASSERT_EQ(kills_.size(), 5U);
  EXPECT_EQ(kills_[0].swap_usage, Bytes{8192U * 1024U});
  EXPECT_EQ(kills_[0].swap_limit, Bytes{16384U * 1024U});
  EXPECT_EQ(kills_[2].victim_pid, 6);
  EXPECT_EQ(kills_[2].oom_memcg, "/w");
  EXPECT_EQ(kills_[2].limit, Bytes{49152U * 1024U});
  // The victim's own cgroup is not told.
  EXPECT_EQ(kills_[2].task_memcg, "");
  EXPECT_EQ(kills_[3].oom_memcg, "");
  // Its first victim had no dump (rate-limited): nothing of another one's is taken for it.
  EXPECT_EQ(kills_[4].oom_memcg, "");
}

TEST_F(OomLogTest, NamesWithTheKernelsOwnWordsInThem) {
  say(memcg_line("/a,pid=3", "/a,pid=3/b,uid=0", "b,pid=1,uid=0", 5));
  killed(5, "b,pid=1,uid=0");
  say(memcg_line("/a", "/a/x,oom_memcg=/v,task_memcg=/v", "t", 6));
  killed(6, "t");
  say(memcg_line("/a,task_memcg=/v", "/a,task_memcg=/v/y", "t", 7));
  killed(7, "t");
  say(global_line("/g,global_oom,task_memcg=/v", ") total-vm:1kB", 8));
  killed(8, ") total-vm:1kB", "Out of memory");
  ASSERT_EQ(kills_.size(), 4U);
  EXPECT_EQ(kills_[0].victim_comm, "b,pid=1,uid=0");
  EXPECT_EQ(kills_[0].victim_pid, 5);
  EXPECT_EQ(kills_[0].oom_memcg, "/a,pid=3");
  EXPECT_EQ(kills_[0].task_memcg, "/a,pid=3/b,uid=0");
  EXPECT_EQ(kills_[1].oom_memcg, "/a");
  EXPECT_EQ(kills_[1].task_memcg, "/a/x,oom_memcg=/v,task_memcg=/v");
  EXPECT_EQ(kills_[2].oom_memcg, "/a,task_memcg=/v");
  EXPECT_EQ(kills_[2].task_memcg, "/a,task_memcg=/v/y");
  EXPECT_EQ(kills_[3].victim_comm, ") total-vm:1kB");
  EXPECT_EQ(kills_[3].task_memcg, "/g,global_oom,task_memcg=/v");
}

// Seen on both kernels: of a path over 1 KiB the end is missing, and nothing tells.
TEST_F(OomLogTest, APathThatMayBeCutIsNotTakenForWhole) {
  const std::string above = "/w/" + std::string(200, 'a') + "/" + std::string(200, 'b') + "/" +
                            std::string(200, 'c') + "/" + std::string(200, 'd');
  const std::string cut = (above + "/" + std::string(300, 'e')).substr(0, 1021);
  say(memcg_line(cut, cut, "t", 5));
  killed(5, "t");
  say(memcg_line("/w", cut, "t", 6));
  killed(6, "t");
  say(memcg_line(above, above, "t", 7));
  killed(7, "t");
  ASSERT_EQ(kills_.size(), 3U);
  EXPECT_EQ(kills_[0].oom_memcg, above);
  EXPECT_EQ(kills_[0].task_memcg, above);
  EXPECT_TRUE(kills_[0].limit_cut);
  EXPECT_EQ(kills_[1].oom_memcg, "/w");
  EXPECT_EQ(kills_[1].task_memcg, above);
  EXPECT_FALSE(kills_[1].limit_cut);
  EXPECT_FALSE(kills_[2].limit_cut);
}

TEST_F(OomLogTest, TwoWaysToReadAPathAreNone) {
  say(memcg_line("/a,task_memcg=/a/q", "/a,task_memcg=/a/q", "t", 5));
  killed(5, "t");
  ASSERT_EQ(kills_.size(), 1U);
  EXPECT_EQ(kills_[0].oom_memcg, "");
  EXPECT_EQ(kills_[0].victim_pid, 5);
}

// The kill after a group's may have had a dump of its own, which the rate limit took.
TEST_F(OomLogTest, AGroupsLimitIsNoProofOfTheNextKills) {
  invoked();
  say(memcg_line("/g", "/g/a", "t", 5));
  killed(5, "t");
  say("Tasks in /g/a are going to be killed due to memory.oom.group set");
  killed(6, "t");
  killed(7, "u");
  invoked();
  say(memcg_line("/w", "/w", "v", 8));
  killed(8, "v");
  ASSERT_EQ(kills_.size(), 4U);
  EXPECT_FALSE(kills_[0].limit_inherited);
  EXPECT_TRUE(kills_[1].limit_inherited);
  EXPECT_EQ(kills_[2].oom_memcg, "/g");
  EXPECT_TRUE(kills_[2].limit_inherited);
  EXPECT_FALSE(kills_[3].limit_inherited);
}

TEST_F(OomLogTest, AVictimOutsideOfItsLimitIsNoPath) {
  say(memcg_line("/a", "/b", "t", 5));
  killed(5, "t");
  ASSERT_EQ(kills_.size(), 1U);
  EXPECT_EQ(kills_[0].oom_memcg, "");
  EXPECT_EQ(kills_[0].task_memcg, "");
}

TEST_F(OomLogTest, JoinsALineThatCameInParts) {
  std::string path = "/x,uid=0";
  for (int i = 0; i < 9; ++i) path += "/" + std::string(100, 'a');
  const std::string line = memcg_line(path, path, "t", 5);
  say(line.substr(0, 1000));
  say("something a process wrote", 14);
  say(line.substr(1000), 4, true);
  killed(5, "t");
  ASSERT_EQ(kills_.size(), 1U);
  EXPECT_EQ(kills_[0].task_memcg, path);
  EXPECT_EQ(kills_[0].oom_memcg, path);
}

TEST_F(OomLogTest, OnlyTheKernelIsBelieved) {
  killed(1, "init", "forged");
  say("Memory cgroup out of memory: Killed process 1 (init) total-vm:1kB, anon-rss:1kB", 11);
  EXPECT_TRUE(kills_.empty());
  say(memcg_line("/a", "/a", "t", 5));
  say(memcg_line("/forged", "/forged", "t", 5), 14);
  killed(5, "t");
  ASSERT_EQ(kills_.size(), 1U);
  EXPECT_EQ(kills_[0].oom_memcg, "/a");
}

TEST_F(OomLogTest, AProgramCalledLikeALogLine) {
  say(memcg_line("/a", "/a", "t", 5));
  say("oom-kill:zz[267]: segfault at 10 ip 000000000040193b sp 00007ffec235ca20 error 6");
  killed(5, "t");
  ASSERT_EQ(kills_.size(), 1U);
  EXPECT_EQ(kills_[0].oom_memcg, "/a");
}

TEST_F(OomLogTest, AKillLineThatIsCutIsNoKill) {
  for (const auto* text :
       {"Memory cgroup out of memory: Killed process",
        "Out of memory: Killed process x (t) total-vm:1kB",
        "Out of memory: Killed process 0 (t) total-vm:1kB", "Out of memory: Killed process 5 (t",
        "Out of memory: Killed process 5) total-vm:1kB ("}) {
    say(text, 3);
  }
  EXPECT_TRUE(kills_.empty());
}

// What another reader had stored: only the kernel's own lines, and perhaps not all of them.
class RestoredOomLogTest : public OomLogTest {
 protected:
  void stored(std::uint64_t sequence, const std::string& text, bool broken = false) {
    KmsgRecord record;
    record.priority = 6;
    record.sequence = sequence;
    record.boottime = Usec(sequence * 10);
    record.text = text;
    if (auto kill = reader_.restore(record, broken)) kills_.push_back(std::move(*kill));
  }
  static std::string killed_line(int pid) {
    return "Memory cgroup out of memory: Killed process " + std::to_string(pid) +
           " (web) total-vm:103524kB, anon-rss:32448kB, file-rss:4kB, shmem-rss:688kB, UID:1000 "
           "pgtables:104kB oom_score_adj:0";
  }
};

TEST_F(RestoredOomLogTest, ReadsADumpWithForeignRecordsBetween) {
  stored(10, "x invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0");
  stored(12, "memory: usage 32768kB, limit 32768kB, failcnt 22");
  stored(90, memcg_line("/a", "/a/b", "web", 7));
  stored(91, killed_line(7));
  EXPECT_FALSE(reader_.gap());
  ASSERT_EQ(kills_.size(), 1U);
  EXPECT_EQ(kills_[0].oom_memcg, "/a");
  EXPECT_EQ(kills_[0].limit, Bytes{32U << 20});
  EXPECT_EQ(reader_.lost_records(), 0U);
}

TEST_F(RestoredOomLogTest, LinesThatAreKnownToBeMissingJoinNothing) {
  stored(10, "memory: usage 32768kB, limit 32768kB, failcnt 22");
  stored(200, memcg_line("/a", "/a/b", "web", 7), true);
  stored(201, killed_line(7));
  ASSERT_EQ(kills_.size(), 1U);
  EXPECT_EQ(kills_[0].oom_memcg, "/a");
  EXPECT_FALSE(kills_[0].limit);
}

TEST_F(RestoredOomLogTest, GapsAreCountedFromWhereTheOtherStopped) {
  reader_.resume_after(99, Usec(900));
  say("next");  // 100
  EXPECT_FALSE(reader_.gap());
  next_ = 111;
  say("after a gap");
  ASSERT_TRUE(reader_.gap());
  EXPECT_EQ(reader_.gap()->count, 10U);
  EXPECT_EQ(reader_.lost_records(), 10U);
}

}  // namespace
}  // namespace cgwarden::diagnosis
