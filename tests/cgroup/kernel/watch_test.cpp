// What a real kernel tells of cgroups that come and go, and what the sampler makes of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <set>

#include "cgroup/sampler.h"
#include "tests/cgroup/facts.h"
#include "tests/cgroup/kernel/kernel_cgroup.h"

namespace cgwarden::cgroup {
namespace {

using testing::Child;
using testing::facts;
using ::testing::IsEmpty;
using testing::kPatienceMsec;
using ::testing::SizeIs;
using testing::sleep_forever;

TimePoint after(std::uint64_t seconds) { return {Usec{(100 + seconds) * 1'000'000}, Usec{0}}; }

std::set<std::string> keys(const Sample& sample) {
  std::set<std::string> found;
  for (const auto& [key, value] : facts(sample)) found.insert(key);
  return found;
}

std::size_t open_files() {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}));
}

class WatchTest : public testing::KernelTest {
 protected:
  // Waits for the watch until the sampler's next snapshot satisfies `done`.
  std::shared_ptr<const Snapshot> wait(const std::function<bool(const Snapshot&)>& done) {
    for (;;) {
      auto snapshot = sampler_.tick(after(0));
      if (done(*snapshot)) return snapshot;
      std::array<pollfd, 2> fds{
          {{sampler_.changes_fd(), POLLIN, 0}, {sampler_.events_fd(), POLLIN, 0}}};
      if (::poll(fds.data(), fds.size(), kPatienceMsec) <= 0) return nullptr;
      sampler_.take_changes(after(0));
      sampler_.take_events(after(0));
    }
  }
  void make(const std::string& path) { need(create_cgroup(tree_, path)); }

  KernelFiles files_;
  Sampler sampler_{tree_, {}, files_};
};

class EveryWatchTest : public WatchTest, public ::testing::WithParamInterface<const char*> {
 protected:
  // false where the kernel has none of this kind.
  bool start() {
    auto watch =
        std::string_view(GetParam()) == "fanotify" ? fanotify_watch(tree_) : inotify_watch();
    if (!watch) {
      // cgroup2 got its file system id in Linux 6.6.
      EXPECT_EQ(watch.error().errno_value, ENODEV) << watch.error().sentence();
      EXPECT_EQ(TreeWatch::best(tree_).value()->kind(), "inotify");
      return false;
    }
    sampler_.watch_with(std::move(*watch), after(0));
    EXPECT_EQ(sampler_.discovery(), GetParam());
    return true;
  }
};

TEST_P(EveryWatchTest, TellsOfNewAndRemovedCgroupsAtEveryDepth) {
  if (!start()) return;
  make(leaf_ + "/a");
  make(leaf_ + "/a/b");
  const auto made = wait([&](const Snapshot& now) { return now.find(leaf_ + "/a/b") != nullptr; });
  ASSERT_NE(made, nullptr);
  EXPECT_EQ(made->find(leaf_ + "/a/b")->id, tree_.id_of(leaf_ + "/a/b").value());
  // Below one that came later, too.
  make(leaf_ + "/a/b/c");
  ASSERT_TRUE(wait([&](const Snapshot& now) { return now.find(leaf_ + "/a/b/c") != nullptr; }));
  need(remove_cgroups_below(tree_, leaf_));
  const auto gone = wait([&](const Snapshot& now) { return now.find(leaf_ + "/a") == nullptr; });
  ASSERT_NE(gone, nullptr);
  EXPECT_THAT(gone->gone(), SizeIs(3));
  EXPECT_NE(gone->find(leaf_), nullptr);
}

TEST_P(EveryWatchTest, AnotherOneOfTheSameNameIsAnotherOne) {
  if (!start()) return;
  make(leaf_ + "/a");
  const auto first = wait([&](const Snapshot& now) { return now.find(leaf_ + "/a") != nullptr; });
  ASSERT_NE(first, nullptr);
  const CgroupId before = first->find(leaf_ + "/a")->id;
  need(remove_cgroup(tree_, leaf_ + "/a"));
  make(leaf_ + "/a");
  const auto second = wait([&](const Snapshot& now) {
    const Sample* sample = now.find(leaf_ + "/a");
    return sample != nullptr && sample->id != before;
  });
  ASSERT_NE(second, nullptr);
  EXPECT_THAT(second->gone(), IsEmpty());
}

// Thousands of cgroups: nothing of them stays behind.
TEST_P(EveryWatchTest, ChurnLeavesNothingBehind) {
  if (!start()) return;
  const std::size_t fds = open_files();
  const std::size_t kept = sampler_.kept_files();
  const std::size_t rows = sampler_.cgroups();
  for (int round = 0; round < 60; ++round) {
    for (int i = 0; i < 25; ++i) make(leaf_ + "/c" + std::to_string(i));
    sampler_.take_changes(after(0));
    if (round % 10 == 0) static_cast<void>(sampler_.tick(after(0)));
    need(remove_cgroups_below(tree_, leaf_));
    if (round % 3 == 0) sampler_.take_changes(after(0));
  }
  const auto settled = wait([&](const Snapshot&) { return sampler_.cgroups() == rows; });
  ASSERT_NE(settled, nullptr);
  EXPECT_EQ(open_files(), fds);
  EXPECT_EQ(sampler_.kept_files(), kept);
  EXPECT_LE(settled->gone().size(), limits::kGoneCgroups);
  sampler_.forget_gone(settled->sequence());
  EXPECT_THAT(sampler_.tick(after(0))->gone(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Kinds, EveryWatchTest, ::testing::Values("fanotify", "inotify"),
                         [](const auto& kind) { return std::string(kind.param); });

TEST_F(WatchTest, ATickSaysWhatAWalkSays) {
  sampler_.rescan(after(0));
  const auto snapshot = sampler_.tick(after(1));
  // The values may have moved on; what has one may not.
  EXPECT_EQ(keys(*snapshot->find(top_)), keys(tree_.read_sample(top_).value()));
  EXPECT_EQ(keys(*snapshot->find("/")), keys(tree_.read_sample("/").value()));
}

// Emptied, read, removed: the last values are those after its last process, not of the tick before.
TEST_F(WatchTest, ACgroupThatEmptiesIsReadOnceMore) {
  sampler_.watch_with(TreeWatch::best(tree_).value(), after(0));
  Child child(tree_, leaf_, [] {
    volatile std::uint64_t work = 0;
    for (int i = 0; i < 300'000; ++i) work = work + 1;
    sleep_forever();
  });
  ASSERT_TRUE(
      wait([&](const Snapshot& now) { return now.find(leaf_)->cgroup_events->populated == true; }));
  ::kill(child.pid(), SIGKILL);
  child.wait();
  // Only the events from here on: no tick.
  for (bool emptied = false; !emptied;) {
    pollfd fd{sampler_.events_fd(), POLLIN, 0};
    ASSERT_EQ(::poll(&fd, 1, kPatienceMsec), 1);
    sampler_.take_events(after(0));
    sampler_.begin(after(0));
    emptied = sampler_.finish()->find(leaf_)->cgroup_events->populated == false;
  }
  const auto used = tree_.read_sample(leaf_).value().cpu_stat->usage_usec;
  need(remove_cgroup(tree_, leaf_));
  const auto gone = wait([&](const Snapshot& now) { return now.find(leaf_) == nullptr; });
  ASSERT_NE(gone, nullptr);
  ASSERT_THAT(gone->gone(), SizeIs(1));
  EXPECT_EQ(gone->gone()[0].cpu_stat->usage_usec, used);
}

TEST_F(WatchTest, AControllerTakenAwayTakesItsValuesNotTheCgroup) {
  need(enable_controllers(tree_, leaf_, {"memory", "pids"}));
  make(leaf_ + "/below");
  sampler_.rescan(after(0));
  ASSERT_TRUE(sampler_.tick(after(1))->find(leaf_ + "/below")->memory_current);
  ASSERT_TRUE(write_control_file(tree_, leaf_, "cgroup.subtree_control", "-memory").has_value());
  const auto without = sampler_.tick(after(2));
  ASSERT_NE(without->find(leaf_ + "/below"), nullptr);
  EXPECT_FALSE(without->find(leaf_ + "/below")->memory_current);
  EXPECT_TRUE(without->find(leaf_ + "/below")->pids_current);
  EXPECT_THAT(without->find(leaf_ + "/below")->unreadable, IsEmpty());
  need(enable_controllers(tree_, leaf_, {"memory"}));
  static_cast<void>(sampler_.tick(after(20)));
  EXPECT_TRUE(sampler_.tick(after(40))->find(leaf_ + "/below")->memory_current);
}

// cgroup.pressure hides the pressure files while others keep them open.
TEST_F(WatchTest, PressureSwitchedOffIsAbsentAndComesBack) {
  sampler_.rescan(after(0));
  ASSERT_TRUE(sampler_.tick(after(1))->find(leaf_)->cpu_pressure)
      << "the machine of the tests has psi=1";
  write("cgroup.pressure", "0");
  const auto off = sampler_.tick(after(2));
  ASSERT_NE(off->find(leaf_), nullptr);
  EXPECT_FALSE(off->find(leaf_)->cpu_pressure);
  EXPECT_TRUE(off->find(leaf_)->cpu_stat);
  write("cgroup.pressure", "1");
  static_cast<void>(sampler_.tick(after(30)));
  EXPECT_TRUE(sampler_.tick(after(31))->find(leaf_)->cpu_pressure);
}

TEST_F(WatchTest, PollingCountsLinks) {
  sampler_.rescan(after(0));
  make(leaf_ + "/a");
  make(leaf_ + "/a/b");
  sampler_.poll_changes(after(1));
  EXPECT_NE(sampler_.tick(after(1))->find(leaf_ + "/a/b"), nullptr);
  need(remove_cgroups_below(tree_, leaf_));
  sampler_.poll_changes(after(2));
  EXPECT_EQ(sampler_.tick(after(2))->find(leaf_ + "/a"), nullptr);
}

}  // namespace
}  // namespace cgwarden::cgroup
