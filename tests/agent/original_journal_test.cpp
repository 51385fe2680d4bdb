#include "agent/original_journal.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "agent/kept_properties.h"
#include "base/file.h"
#include "tests/temporary_directory.h"

namespace cgwarden::agent {
namespace {

using policy::KnobKey;
using policy::Original;
using testing::SizeIs;

class OriginalJournalTest : public testing::Test {
 protected:
  OriginalJournal opened(const std::string& boot = "boot-1") {
    auto journal = OriginalJournal::open(directory_.path(), boot);
    EXPECT_TRUE(journal) << journal.error().sentence();
    return *std::move(journal);
  }
  static Original entry(std::uint64_t id, const std::string& ours = "5") {
    Original made;
    made.cgroup = "/a\xff/\xc3\xa9 \"b\"";
    made.id = CgroupId{id};
    made.file = "pids.max";
    made.original = "max";
    made.ours = ours;
    made.previous = "4";
    made.policy = "web";
    made.keeper = policy::Keeper::apply;
    made.through = policy::Through::cgroupfs;
    made.since = Usec{77};
    return made;
  }
  [[nodiscard]] std::string path() const { return directory_.path() + "/originals.jsonl"; }
  [[nodiscard]] std::string text() const { return *read_file(path(), 1U << 20U); }
  void write(const std::string& text) const { std::ofstream(path(), std::ios::binary) << text; }

  TemporaryDirectory directory_;
};

TEST_F(OriginalJournalTest, WhatIsNotedIsThereForTheNextOne) {
  {
    auto journal = opened();
    EXPECT_EQ(journal.find({CgroupId{1}, "pids.max"}), nullptr);
    ASSERT_TRUE(journal.note({entry(1), entry(2)}));
    ASSERT_TRUE(journal.note({entry(1, "6")}));
    ASSERT_TRUE(journal.forget({{CgroupId{2}, "pids.max"}}));
  }
  const auto again = opened();
  ASSERT_THAT(again.all(), SizeIs(1));
  const Original& found = *again.find({CgroupId{1}, "pids.max"});
  EXPECT_EQ(found.cgroup, entry(1).cgroup);
  EXPECT_EQ(found.original, "max");
  EXPECT_EQ(found.ours, "6");
  EXPECT_EQ(found.previous, "4");
  EXPECT_EQ(found.policy, "web");
  EXPECT_EQ(found.keeper, policy::Keeper::apply);
  EXPECT_EQ(found.through, policy::Through::cgroupfs);
  EXPECT_EQ(found.since, Usec{77});
}

// io.weight with a device is written to the file, without one by way of systemd.
TEST_F(OriginalJournalTest, WrittenInTheOtherWayItIsStillOne) {
  Original file = entry(1);
  file.cgroup = "/system.slice/web.service";
  Original property = file;
  property.through = policy::Through::systemd;
  policy::Write write;
  write.cgroup = file.cgroup;
  write.id = CgroupId{1};
  write.file = file.file;
  auto journal = opened();
  ASSERT_TRUE(journal.note({file}));
  write.through = policy::Through::systemd;
  ASSERT_NE(find_original(journal, write), nullptr);
  EXPECT_EQ(find_original(journal, write)->original, "max");
  ASSERT_TRUE(journal.note({property}));
  EXPECT_THAT(journal.all(), SizeIs(1));
  EXPECT_THAT(opened().all(), SizeIs(1));
  EXPECT_NE(opened().find(property.key()), nullptr);
  // Of another cgroup whose name ends as the unit's.
  file.cgroup = "/lxc/system.slice/web.service";
  file.id = CgroupId{2};
  ASSERT_TRUE(journal.note({file}));
  EXPECT_THAT(journal.all(), SizeIs(2));
}

// A property of a unit outlives the cgroups that restarts of the unit make.
TEST_F(OriginalJournalTest, WhatAUnitHadIsFoundByTheUnit) {
  Original before = entry(1);
  before.cgroup = "/system.slice/web.service";
  before.through = policy::Through::systemd;
  ASSERT_TRUE(opened().note({before}));
  policy::Write after_restart;
  after_restart.cgroup = before.cgroup;
  after_restart.id = CgroupId{2};
  after_restart.file = before.file;
  after_restart.through = policy::Through::systemd;
  after_restart.new_value = "6";
  auto journal = opened();
  const Original* found = journal.find(knob_key(after_restart));
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->original, "max");
  const Original next = after_write(found, after_restart, policy::Keeper::agent, Usec{99});
  EXPECT_EQ(next.original, "max");
  EXPECT_EQ(next.id, CgroupId{2});
  ASSERT_TRUE(journal.note({next}));
  ASSERT_THAT(opened().all(), SizeIs(1));
  // What we write into its cgroup by ourselves goes with the cgroup.
  after_restart.through = policy::Through::cgroupfs;
  EXPECT_EQ(opened().find(knob_key(after_restart)), nullptr);
  ASSERT_TRUE(journal.forget({next.key()}));
  EXPECT_THAT(opened().all(), SizeIs(0));
}

TEST_F(OriginalJournalTest, WhatAnEarlierVersionForgotIsForgotten) {
  Original of_unit = entry(1);
  of_unit.cgroup = "/system.slice/web.service";
  of_unit.through = policy::Through::systemd;
  ASSERT_TRUE(opened().note({of_unit, entry(2)}));
  write(text() + "{\"forget\": true, \"id\": 1, \"file\": \"pids.max\"}\n");
  const auto journal = opened();
  ASSERT_THAT(journal.all(), SizeIs(1));
  EXPECT_EQ(journal.all().begin()->second.id, CgroupId{2});
}

TEST_F(OriginalJournalTest, AnEntryLastsUntilAllItsDevicesAreGivenBack) {
  Original both = entry(1);
  both.file = "io.max";
  both.original = "8:0 rbps=max\n8:16 rbps=max wbps=5";
  both.ours = "8:0 rbps=1\n8:16 rbps=2 wbps=3";
  both.previous = "";
  both.allow_oom = true;
  ASSERT_TRUE(opened().note({both, entry(1)}));
  Original part = both;
  part.original = "8:0 rbps=max";
  ASSERT_TRUE(opened().forget_parts({part, entry(1)}));
  ASSERT_THAT(opened().all(), SizeIs(1));
  const auto left = opened();
  EXPECT_EQ(left.find(both.key())->original, "8:16 rbps=max wbps=5");
  EXPECT_EQ(left.find(both.key())->ours, "8:16 rbps=2 wbps=3");
  EXPECT_TRUE(left.find(both.key())->allow_oom);
  part.original = "8:16 rbps=max wbps=5";
  ASSERT_TRUE(opened().forget_parts({part}));
  EXPECT_THAT(opened().all(), SizeIs(0));
}

TEST_F(OriginalJournalTest, TwoProgramsSeeEachOthersEntries) {
  auto agent = opened();
  auto apply = opened();
  ASSERT_TRUE(agent.note({entry(1)}));
  ASSERT_TRUE(apply.note({entry(2)}));
  EXPECT_THAT(apply.all(), SizeIs(2));
  ASSERT_TRUE(apply.forget({{CgroupId{1}, "pids.max"}}));
  ASSERT_TRUE(agent.refresh());
  EXPECT_EQ(agent.find({CgroupId{1}, "pids.max"}), nullptr);
  EXPECT_NE(agent.find({CgroupId{2}, "pids.max"}), nullptr);
}

TEST_F(OriginalJournalTest, AHalfLineIsOfAWriteThatWasNeverMade) {
  ASSERT_TRUE(opened().note({entry(1), entry(2)}));
  const std::string whole = text();
  const std::size_t second = whole.rfind('\n', whole.size() - 2) + 1;
  for (std::size_t length = second; length < whole.size(); ++length) {
    write(whole.substr(0, length));
    auto journal = opened();
    ASSERT_THAT(journal.all(), SizeIs(1)) << length;
    ASSERT_TRUE(journal.note({entry(3)}));
    ASSERT_THAT(opened().all(), SizeIs(2)) << length;
  }
}

TEST_F(OriginalJournalTest, CgroupsOfAnEarlierBootAreGone) {
  ASSERT_TRUE(opened("boot-1").note({entry(1)}));
  auto journal = opened("boot-2");
  EXPECT_TRUE(journal.all().empty());
  ASSERT_TRUE(journal.note({entry(2)}));
  EXPECT_THAT(opened("boot-2").all(), SizeIs(1));
  EXPECT_TRUE(opened("boot-1").all().empty());
}

TEST_F(OriginalJournalTest, WhatIsNotOursIsRefusedAndStays) {
  for (const std::string text : {"{\"version\": 9, \"boot\": \"boot-1\"}\n", "rubbish\n",
                                 "{\"version\": 1, \"boot\": \"boot-1\"}\n{\"id\": \"no\"}\n"}) {
    write(text);
    const auto journal = OriginalJournal::open(directory_.path(), "boot-1");
    ASSERT_FALSE(journal) << text;
    EXPECT_EQ(journal.error().kind, ErrorKind::malformed) << text;
    EXPECT_EQ(this->text(), text);
  }
}

TEST_F(OriginalJournalTest, DeadLinesDoNotPileUp) {
  auto journal = opened();
  for (int i = 0; i < 5000; ++i) ASSERT_TRUE(journal.note({entry(1, std::to_string(i))}));
  const std::string kept = text();
  EXPECT_LT(std::ranges::count(kept, '\n'), 2000);
  EXPECT_EQ(opened().find({CgroupId{1}, "pids.max"})->ours, "4999");
}

}  // namespace
}  // namespace cgwarden::agent
