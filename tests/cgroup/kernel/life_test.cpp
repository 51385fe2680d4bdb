// What a real kernel tells of the life of a cgroup: events, kills, removal, the whole tree.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/utsname.h>

#include <cstring>
#include <filesystem>
#include <set>

#include "cgroup/directory.h"
#include "cgroup/format.h"
#include "cgroup/sample_reader.h"
#include "tests/cgroup/facts.h"
#include "tests/cgroup/kernel/kernel_cgroup.h"

namespace cgwarden::cgroup {
namespace {

using testing::Child;
using testing::contains;
using testing::facts;
using testing::sleep_forever;
using testing::wait_for;

class LifeTest : public testing::KernelTest {};

// More than any limit of these tests.
void use_memory_until_killed() {
  constexpr std::size_t kBytes = 256U << 20U;
  void* memory =
      ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory != MAP_FAILED) std::memset(memory, 1, kBytes);
  sleep_forever();
}

TEST_F(LifeTest, AnOomKillWakesTheWatch) {
  write("memory.max", "16777216");
  write("memory.swap.max", "0");
  const auto watch = EventsWatch::open(tree_, leaf_, "memory.events");
  ASSERT_TRUE(watch.has_value());
  const auto before = parse_memory_events(watch->read().value());
  EXPECT_EQ(before->oom_kill, 0U);
  pollfd poll_fd{watch->fd(), POLLPRI, 0};
  EXPECT_EQ(::poll(&poll_fd, 1, 0), 0) << "armed by the read, nothing has happened yet";
  Child child(tree_, leaf_, use_memory_until_killed);
  ASSERT_TRUE(wait_for(*watch, [](std::string_view text) {
    const auto events = parse_memory_events(text);
    return events && events->oom_kill == 1U;
  }));
  const int status = child.wait();
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  const Sample sample = tree_.read_sample(leaf_).value();
  EXPECT_EQ(sample.memory_events->oom_kill, 1U);
  EXPECT_EQ(sample.memory_events_local->oom_kill, 1U);
  EXPECT_GE(sample.memory_events->oom.value_or(0), 1U);
  const Sample parent = tree_.read_sample(top_).value();
  EXPECT_EQ(parent.memory_events->oom_kill, 1U);
  EXPECT_EQ(parent.memory_events_local->oom_kill, 0U);
}

TEST_F(LifeTest, KillCgroupEndsEveryProcessBelow) {
  ASSERT_TRUE(create_cgroup(tree_, leaf_ + "/inner").has_value());
  Child outer(tree_, leaf_, sleep_forever);
  Child inner(tree_, leaf_ + "/inner", sleep_forever);
  const auto watch = EventsWatch::open(tree_, leaf_, "cgroup.events");
  EXPECT_TRUE(tree_.read_sample(leaf_)->cgroup_events->populated.value());
  EXPECT_EQ(tree_.read_sample(leaf_)->pids_current, 2U);
  ASSERT_TRUE(kill_cgroup(tree_, leaf_).has_value());
  for (Child* child : {&outer, &inner}) {
    const int status = child->wait();
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  }
  EXPECT_TRUE(wait_for(*watch, [](auto text) { return contains(text, "populated 0"); }));
}

TEST_F(LifeTest, ThrottlingIsCounted) {
  write("cpu.max", "2000 100000");
  Child child(tree_, leaf_, [] {
    const volatile bool forever = true;
    while (forever) {
    }
  });
  // The period timer counts nr_throttled first and throttled_usec only when it lets the group go
  // on, so one sample may show the first without the second.
  Sample sample;
  do {
    sample = tree_.read_sample(leaf_).value();
  } while (sample.cpu_stat->nr_throttled.value_or(0) < 2 ||
           sample.cpu_stat->throttled_usec.value_or(0) == 0);
  EXPECT_GE(sample.cpu_stat->nr_periods.value_or(0), sample.cpu_stat->nr_throttled.value_or(0));
}

TEST_F(LifeTest, AVanishedCgroupIsVanishedHoweverItIsAsked) {
  const std::string path = leaf_ + "/gone";
  ASSERT_TRUE(create_cgroup(tree_, path).has_value());
  const auto watch = EventsWatch::open(tree_, path, "cgroup.events");
  ASSERT_TRUE(watch.has_value());
  const UniqueFd held = tree_.open_cgroup(path).value();
  const auto listed = Directory::open(held.get(), ".");
  ASSERT_TRUE(listed.has_value());
  ASSERT_TRUE(remove_cgroup(tree_, path).has_value());
  EXPECT_EQ(tree_.read_sample(path).error().kind, ErrorKind::vanished);
  EXPECT_EQ(tree_.id_of(path).error().kind, ErrorKind::vanished);
  EXPECT_EQ(tree_.read(path, "cgroup.events").error().kind, ErrorKind::vanished);
  EXPECT_EQ(write_control_file(tree_, path, "cgroup.freeze", "1").error().kind,
            ErrorKind::vanished);
  EXPECT_EQ(kill_cgroup(tree_, path).error().kind, ErrorKind::vanished);
  EXPECT_TRUE(remove_cgroup(tree_, path).has_value());
  // Through fds that outlived it.
  EXPECT_EQ(watch->read().error().kind, ErrorKind::vanished);
  EXPECT_EQ(Directory::open(held.get(), ".").error().kind, ErrorKind::vanished);
  Sample sample;
  EXPECT_EQ(read_files(listed->fd(), listed->files(), read_control_file, sample).error().kind,
            ErrorKind::vanished);
}

TEST_F(LifeTest, TheSnapshotHoldsEveryDirectoryAndReadsEveryFile) {
  ASSERT_TRUE(create_cgroup(tree_, leaf_ + "/a").has_value());
  ASSERT_TRUE(create_cgroup(tree_, leaf_ + "/b").has_value());
  const Snapshot snapshot = tree_.read_snapshot(TimePoint{});
  std::set<std::string> expected{"/"};
  for (const auto& entry : std::filesystem::recursive_directory_iterator(tree_.root())) {
    if (entry.is_directory()) expected.insert(entry.path().string().substr(tree_.root().size()));
  }
  std::set<std::string> found;
  for (const Sample& sample : snapshot.samples()) {
    found.insert(sample.path);
    EXPECT_EQ(sample.id, tree_.id_of(sample.path).value()) << sample.path;
    for (const auto& [file, reason, off] : sample.unreadable)
      ADD_FAILURE() << sample.path << reason;
    // Whatever is on disk and has a member was read into it.
    const auto read = facts(sample);
    const auto all = facts(tree_.read_sample(sample.path, FileGroups::all()).value());
    const std::string directory = tree_.root() + sample.path;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
      const std::string file = entry.path().filename();
      EXPECT_TRUE(!is_sampled(file, {}) || read.contains(file)) << sample.path << "/" << file;
      EXPECT_TRUE(!is_sampled(file) || all.contains(file)) << sample.path << "/" << file;
    }
  }
  EXPECT_EQ(found, expected);
  EXPECT_EQ(snapshot.dropped(), 0U);
}

// The fields of a leaf that this kernel does not have, by its version. Debian's cloud kernels are
// built without CONFIG_ZSWAP.
TEST_F(LifeTest, OnlyTheFieldsOfNewerKernelsAreMissing) {
  Child child(tree_, leaf_, sleep_forever);
  const auto found = facts(tree_.read_sample(leaf_, FileGroups::all()).value());
  utsname name{};
  ASSERT_EQ(::uname(&name), 0);
  const bool old = std::string_view(name.release).starts_with("6.1.");
  std::set<std::string> missing;
  for (const char* key : {"cpu.stat|usage_usec",
                          "cpu.stat|user_usec",
                          "cpu.stat|system_usec",
                          "cpu.stat|nice_usec",
                          "cpu.stat|nr_periods",
                          "cpu.stat|nr_throttled",
                          "cpu.stat|throttled_usec",
                          "cpu.stat|nr_bursts",
                          "cpu.stat|burst_usec",
                          "cpu.stat.local|throttled_usec",
                          "cpu.max|quota",
                          "cpu.max.burst|",
                          "cpu.weight|",
                          "cpu.idle|",
                          "cpu.pressure|some.total",
                          "cpu.pressure|full.total",
                          "memory.current|",
                          "memory.peak|",
                          "memory.min|",
                          "memory.low|",
                          "memory.high|",
                          "memory.max|",
                          "memory.oom.group|",
                          "memory.swap.current|",
                          "memory.swap.peak|",
                          "memory.swap.high|",
                          "memory.swap.max|",
                          "memory.swap.events|fail",
                          "memory.stat|anon",
                          "memory.stat|file",
                          "memory.stat|kernel",
                          "memory.stat|kernel_stack",
                          "memory.stat|pagetables",
                          "memory.stat|percpu",
                          "memory.stat|sock",
                          "memory.stat|shmem",
                          "memory.stat|file_mapped",
                          "memory.stat|file_dirty",
                          "memory.stat|file_writeback",
                          "memory.stat|swapcached",
                          "memory.stat|inactive_anon",
                          "memory.stat|active_anon",
                          "memory.stat|inactive_file",
                          "memory.stat|active_file",
                          "memory.stat|unevictable",
                          "memory.stat|slab_reclaimable",
                          "memory.stat|slab_unreclaimable",
                          "memory.stat|slab",
                          "memory.stat|workingset_refault_anon",
                          "memory.stat|workingset_refault_file",
                          "memory.stat|pgscan",
                          "memory.stat|pgsteal",
                          "memory.stat|pgfault",
                          "memory.stat|pgmajfault",
                          "memory.events|low",
                          "memory.events|high",
                          "memory.events|max",
                          "memory.events|oom",
                          "memory.events|oom_kill",
                          "memory.events|oom_group_kill",
                          "memory.events.local|oom_kill",
                          "memory.pressure|some.total",
                          "memory.pressure|full.total",
                          "io.pressure|some.total",
                          "io.pressure|full.total",
                          "pids.current|",
                          "pids.peak|",
                          "pids.max|",
                          "pids.events|max",
                          "pids.events.local|max",
                          "cgroup.events|populated",
                          "cgroup.events|frozen",
                          "cgroup.stat|nr_descendants",
                          "cgroup.stat|nr_dying_descendants",
                          "cgroup.stat|nr_subsys_cpu",
                          "cgroup.stat|nr_dying_subsys_memory",
                          "cgroup.max.depth|",
                          "cgroup.max.descendants|",
                          "memory.stat|pgscan_kswapd",
                          "memory.stat|pgscan_khugepaged",
                          "memory.stat|workingset_nodereclaim",
                          "memory.numa_stat|N0 anon",
                          "cgroup.type|type",
                          "cgroup.freeze|"}) {
    if (!found.contains(key)) missing.insert(key);
  }
  std::set<std::string> expected;
  if (old) {
    expected = {"cpu.stat|nice_usec",
                "cpu.stat.local|throttled_usec",
                "memory.swap.peak|",
                "pids.events.local|max",
                "cgroup.stat|nr_subsys_cpu",
                "cgroup.stat|nr_dying_subsys_memory",
                "memory.stat|pgscan_khugepaged"};
  }
  EXPECT_EQ(missing, expected);
  for (const char* file : {"io.stat", "io.max", "cgroup.controllers", "cgroup.subtree_control"}) {
    EXPECT_TRUE(found.contains(file)) << file;
  }
}

}  // namespace
}  // namespace cgwarden::cgroup
