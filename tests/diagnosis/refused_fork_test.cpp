#include "diagnosis/refused_fork.h"

#include <gtest/gtest.h>

#include "base/limits.h"

namespace cgwarden::diagnosis {
namespace {

KmsgRecord said(const std::string& text, unsigned priority = 6) {
  KmsgRecord record;
  record.priority = priority;
  record.sequence = 7;
  record.boottime = Usec{3'000'000};
  record.text = text;
  return record;
}

const std::string kWords = "cgroup: fork rejected by pids controller in ";

TEST(RefusedForkTest, TheLineNamesWhoWantedToFork) {
  const auto fork = parse_refused_fork(said(kWords + "/user.slice/a b.service"));
  ASSERT_TRUE(fork);
  EXPECT_EQ(fork->cgroup, "/user.slice/a b.service");
  EXPECT_EQ(fork->sequence, 7U);
  EXPECT_FALSE(fork->cut);
}

TEST(RefusedForkTest, OnlyTheKernelsWholeLineIsOne) {
  // Of another facility: a process wrote it.
  EXPECT_FALSE(parse_refused_fork(said(kWords + "/a", 14)));
  EXPECT_FALSE(parse_refused_fork(said("init: " + kWords + "/a")));
  auto continued = said(kWords + "/a");
  continued.continuation = true;
  EXPECT_FALSE(parse_refused_fork(continued));
  EXPECT_TRUE(parse_refused_fork(said(kWords))->cut);
  EXPECT_TRUE(parse_refused_fork(said(kWords + "/" + std::string(900, 'a')))->cut);
}

TEST(RefusedForkTest, TheBookKnowsWhetherItIsComplete) {
  RefusedForkBook book;
  book.add(said(kWords + "/s/a.service/sub"), Usec{5});
  book.add(said("something else"), Usec{6});
  book.add(said(kWords + "/s/a.service-2"), Usec{7});
  EXPECT_TRUE(book.all().complete);
  const auto found = at_or_below(book.all(), "/s/a.service");
  ASSERT_EQ(found.lines.size(), 1U);
  EXPECT_EQ(found.lines[0].cgroup, "/s/a.service/sub");
  EXPECT_EQ(found.lines[0].boottime.count(), 5U);
  EXPECT_TRUE(found.complete);
  book.add(said(kWords), Usec{8});
  EXPECT_FALSE(book.all().complete);
  EXPECT_EQ(book.all().lines.size(), 2U);
}

TEST(RefusedForkTest, TheOldestGoesAndIsMissed) {
  RefusedForkBook book;
  for (std::size_t i = 0; i < limits::kRefusedForks; ++i) {
    book.add(said(kWords + "/" + std::to_string(i)), Usec{i});
  }
  EXPECT_TRUE(book.all().complete);
  book.add(said(kWords + "/new"), Usec{9});
  EXPECT_FALSE(book.all().complete);
  EXPECT_EQ(book.all().lines.size(), limits::kRefusedForks);
  EXPECT_EQ(book.all().lines.front().cgroup, "/1");
}

// Of what was made after a loss every line is there.
TEST(RefusedForkTest, ALossIsOfTheCgroupsThatWereThere) {
  RefusedForkBook book;
  book.seen(CgroupId{50});
  EXPECT_TRUE(is_complete_for(book.all(), CgroupId{1}));
  book.lost();
  EXPECT_FALSE(is_complete_for(book.all(), CgroupId{60}));
  // It was there a moment before, and the loss came after.
  book.seen(CgroupId{60});
  EXPECT_FALSE(is_complete_for(book.all(), CgroupId{61}));
  book.seen(CgroupId{70});
  EXPECT_FALSE(is_complete_for(book.all(), CgroupId{70}));
  EXPECT_TRUE(is_complete_for(book.all(), CgroupId{71}));
  EXPECT_TRUE(is_complete_for(at_or_below(book.all(), "/a"), CgroupId{71}));
  book.seen(CgroupId{90});
  EXPECT_TRUE(is_complete_for(book.all(), CgroupId{71}));
  book.lost();
  EXPECT_FALSE(is_complete_for(book.all(), CgroupId{71}));
}

}  // namespace
}  // namespace cgwarden::diagnosis
