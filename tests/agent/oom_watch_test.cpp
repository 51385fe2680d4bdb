#include "agent/oom_watch.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/file.h"

namespace cgwarden::agent {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Field;

// A cgroup tree and a /proc of ordinary files.
class OomWatchTest : public testing::Test {
 protected:
  OomWatchTest() : directory_(::mkdtemp(pattern_.data())) {
    std::filesystem::create_directories(directory_ + "/tree/a/b");
  }
  ~OomWatchTest() override {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  void write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(directory_ + path).parent_path());
    ASSERT_TRUE(write_file_atomically(directory_ + path, text));
  }
  // A process that began at this clock tick.
  void process(const std::string& cgroup, std::uint64_t start_ticks = 100) {
    write("/proc/7/cgroup", cgroup);
    write("/proc/7/stat", "7 (a) b) R 1 7 7 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 " +
                              std::to_string(start_ticks) + " 123 4\n");
  }
  [[nodiscard]] std::string cgroup_of(Usec before = Usec{100'000'000},
                                      std::optional<Usec> now = {}) const {
    const auto tree = cgroup::Tree::open(directory_ + "/tree", false);
    cgroup::OomMark mark;
    mark.boottime = before;
    mark.victim = 7;
    mark.comm = "a) b";
    return cgroup_of_victim(*tree, directory_ + "/proc", mark, now.value_or(before));
  }

  std::string pattern_ = "/tmp/oom_watch_test.XXXXXX";
  std::string directory_;
};

TEST_F(OomWatchTest, TheCgroupOfAProcessIsItsUnifiedLine) {
  process("4:memory:/old\n0::/a/b\n");
  EXPECT_EQ(cgroup_of(), "/a/b");
}

TEST_F(OomWatchTest, ARemovedCgroupHasItsPath) {
  process("0::/a/gone (deleted)\n");
  EXPECT_EQ(cgroup_of(), "/a/gone");
  std::filesystem::create_directories(directory_ + "/tree/a/odd (deleted)");
  process("0::/a/odd (deleted)\n");
  EXPECT_EQ(cgroup_of(), "/a/odd (deleted)");
}

TEST_F(OomWatchTest, AProcessThatMayHaveBegunLaterIsAnother) {
  const auto ticks = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  process("0::/a\n", 5 * ticks);
  EXPECT_EQ(cgroup_of(Usec{4'000'000}), "");
  EXPECT_EQ(cgroup_of(Usec{5'000'000}), "");
  EXPECT_EQ(cgroup_of(Usec{5'009'999}), "");
  EXPECT_EQ(cgroup_of(Usec{5'010'000}), "/a");
}

// A reader of `stat` holds the victim's memory while it exits.
TEST_F(OomWatchTest, OfAFreshVictimNothingIsReadThatHoldsItsMemory) {
  write("/proc/7/cgroup", "0::/a/b\n");
  write("/proc/7/comm", "a) b\n");
  EXPECT_EQ(cgroup_of(Usec{4'000'000}, Usec{4'500'000}), "/a/b");
  EXPECT_EQ(cgroup_of(Usec{4'000'000}, Usec{5'500'000}), "");
  write("/proc/7/comm", "another\n");
  EXPECT_EQ(cgroup_of(Usec{4'000'000}, Usec{4'500'000}), "");
}

TEST_F(OomWatchTest, WhatCannotBeKnownIsEmpty) {
  EXPECT_EQ(cgroup_of(), "");  // no such process
  process("4:memory:/old\n");
  EXPECT_EQ(cgroup_of(), "");
  process("0::/../other\n");  // outside of this cgroup namespace
  EXPECT_EQ(cgroup_of(), "");
  process("0::/a\n");
  write("/proc/7/stat", "7 (a R 1\n");
  EXPECT_EQ(cgroup_of(), "");
}

TEST_F(OomWatchTest, SlicesAreTheChildrenOfTheRootThatCount) {
  write("/tree/a/memory.events", "low 0\noom 3\noom_kill 5\noom_group_kill 2\n");
  write("/tree/a/b/memory.events", "oom_kill 9\n");
  write("/tree/old/memory.events", "oom_kill 1\n");
  write("/tree/none/cgroup.events", "populated 0\n");
  write("/tree/bad/memory.events", "oom_kill\n");
  const auto tree = cgroup::Tree::open(directory_ + "/tree", false);
  const auto counts = [](const std::string& path, std::uint64_t kills, std::uint64_t groups) {
    using diagnosis::SliceCounts;
    return AllOf(Field(&SliceCounts::path, path), Field(&SliceCounts::oom_kill, kills),
                 Field(&SliceCounts::oom_group_kill, groups));
  };
  EXPECT_THAT(read_slices(*tree), ElementsAre(counts("/a", 5, 2), counts("/old", 1, 0)));
}

}  // namespace
}  // namespace cgwarden::agent
