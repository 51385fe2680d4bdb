#include "cgroup/snapshot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "cgroup/snapshot_walk.h"
#include "tests/cgroup/facts.h"
#include "tests/cgroup/fixture_tree.h"

namespace cgwarden::cgroup {
namespace {

using testing::control_files;
using ::testing::ElementsAre;
using testing::Facts;
using testing::facts;
using testing::FixtureTree;

std::vector<std::string> paths_of(const Snapshot& snapshot) {
  std::vector<std::string> paths;
  for (const Sample& sample : snapshot.samples()) paths.push_back(sample.path);
  return paths;
}

Sample named(const std::string& path, std::uint64_t id) {
  Sample sample;
  sample.path = path;
  sample.id = CgroupId{id};
  return sample;
}

TEST(ParentPathTest, CutsTheLastComponent) {
  EXPECT_EQ(parent_path("/a/b"), "/a");
  EXPECT_EQ(parent_path("/a"), "/");
  EXPECT_EQ(parent_path("/"), "");
  EXPECT_EQ(parent_path(""), "");
}

TEST(SnapshotTest, SortsAndFinds) {
  const Snapshot snapshot(TimePoint{Usec{5}, Usec{6}},
                          {named("/a/b", 3), named("/", 1), named("/a-b", 4), named("/a", 2)}, 7);
  EXPECT_THAT(paths_of(snapshot), ElementsAre("/", "/a", "/a-b", "/a/b"));
  EXPECT_EQ(snapshot.taken().boottime, Usec{5});
  EXPECT_EQ(snapshot.dropped(), 7U);
  ASSERT_NE(snapshot.find("/a/b"), nullptr);
  EXPECT_EQ(snapshot.find("/a/b")->id.value, 3U);
  EXPECT_EQ(snapshot.find("/a/"), nullptr);
  EXPECT_EQ(snapshot.parent(*snapshot.find("/a/b"))->path, "/a");
  EXPECT_EQ(snapshot.parent(*snapshot.find("/a"))->path, "/");
  EXPECT_EQ(snapshot.parent(*snapshot.find("/")), nullptr);
}

TEST(ReadSnapshotTest, HoldsEveryCgroupAndItsFiles) {
  const FixtureTree fixture;
  fixture.add("/a", control_files());
  fixture.add("/a/b", {{"cgroup.controllers", ""}, {"pids.current", "3\n"}});
  fixture.add("/c", {{"memory.current", "broken"}});
  const Snapshot snapshot = fixture.open().read_snapshot(TimePoint{Usec{1}, Usec{2}});
  EXPECT_THAT(paths_of(snapshot), ElementsAre("/", "/a", "/a/b", "/c"));
  EXPECT_EQ(snapshot.dropped(), 0U);
  EXPECT_EQ(facts(*snapshot.find("/a")), facts(fixture.open().read_sample("/a").value()));
  EXPECT_EQ(snapshot.find("/a/b")->pids_current, 3U);
  EXPECT_FALSE(snapshot.find("/a/b")->memory_current.has_value());
  EXPECT_FALSE(snapshot.find("/c")->memory_current.has_value());
  ASSERT_EQ(snapshot.find("/c")->unreadable.size(), 1U);
  EXPECT_EQ(snapshot.find("/c")->unreadable[0].file, "memory.current");
}

TEST(ReadSnapshotTest, KeepChoosesButDescends) {
  const FixtureTree fixture;
  fixture.add("/a/b/c", {});
  const Snapshot snapshot = fixture.open().read_snapshot(
      TimePoint{}, [](std::string_view path) { return path == "/a/b/c"; });
  EXPECT_THAT(paths_of(snapshot), ElementsAre("/a/b/c"));
  EXPECT_EQ(snapshot.dropped(), 0U);
}

TEST(ReadSnapshotTest, OverTheLimitTheRestIsCounted) {
  const FixtureTree fixture;
  for (int i = 0; i < 10; ++i) fixture.add("/a" + std::to_string(i) + "/x", {});
  const Snapshot snapshot = fixture.open().read_snapshot(TimePoint{}, {}, 6);
  EXPECT_EQ(snapshot.samples().size(), 6U);
  EXPECT_EQ(snapshot.dropped(), 15U);
  EXPECT_EQ(fixture.open().read_snapshot(TimePoint{}, {}, 21).dropped(), 0U);
}

TEST(ReadSnapshotTest, DeepTreesAreCut) {
  const FixtureTree fixture;
  std::string path;
  for (std::size_t depth = 0; depth < limits::kCgroupDepth + 3; ++depth) path += "/d";
  fixture.add(path, {});
  const Snapshot snapshot = fixture.open().read_snapshot(TimePoint{});
  EXPECT_EQ(snapshot.samples().size(), limits::kCgroupDepth + 1);  // the root is depth 0
  EXPECT_EQ(snapshot.dropped(), 1U);
}

TEST(ReadSnapshotTest, SymlinksAreNotCgroups) {
  const FixtureTree fixture;
  fixture.add("/a", {});
  std::filesystem::create_directory_symlink("..", fixture.host_path("/a/loop"));
  std::filesystem::create_directory_symlink("/etc", fixture.host_path("/etc"));
  EXPECT_THAT(paths_of(fixture.open().read_snapshot(TimePoint{})), ElementsAre("/", "/a"));
}

// Root passes every permission check, so the closed directory is opened as nobody.
TEST(ReadSnapshotTest, AClosedCgroupIsShownNotLeftOut) {
  const FixtureTree fixture;
  fixture.add("/closed", {{"pids.current", "1\n"}});
  fixture.add("/open", {});
  ASSERT_EQ(::chmod(fixture.root().c_str(), 0755), 0);
  ASSERT_EQ(::chmod(fixture.host_path("/closed").c_str(), 0), 0);
  const bool was_root = ::geteuid() == 0;
  const Tree tree = fixture.open();
  if (was_root) {
    ASSERT_EQ(::seteuid(65534), 0);
  }
  const Snapshot snapshot = tree.read_snapshot(TimePoint{});
  if (was_root) {
    ASSERT_EQ(::seteuid(0), 0);
  }
  ::chmod(fixture.host_path("/closed").c_str(), 0755);
  EXPECT_THAT(paths_of(snapshot), ElementsAre("/", "/closed", "/open"));
  const Sample& closed = *snapshot.find("/closed");
  EXPECT_NE(closed.id.value, 0U);
  EXPECT_FALSE(closed.pids_current.has_value());
  ASSERT_EQ(closed.unreadable.size(), 1U);
  EXPECT_EQ(closed.unreadable[0].file, ".");
}

// At the n-th read of the walk a whole subtree is removed: the rest of the snapshot is complete and
// true, and no half cgroup is in it.
TEST(WalkTest, SurvivesASubtreeVanishingAtAnyMoment) {
  for (int n = 1;; ++n) {
    const FixtureTree fixture;
    for (const char* path : {"/a", "/b", "/b/c", "/d"}) fixture.add(path, control_files());
    const Tree tree = fixture.open();
    const Facts truth = facts(tree.read_sample("/a").value());
    int reads = 0;
    const Snapshot snapshot =
        walk(tree.root_fd(), TimePoint{}, {{}, limits::kCgroupsWatched, limits::kCgroupDepth},
             [&](int dir, const std::string& file) {
               if (++reads == n) fixture.remove("/b");
               return read_control_file(dir, file);
             });
    for (const Sample& sample : snapshot.samples()) {
      if (sample.path != "/") {
        EXPECT_EQ(facts(sample), truth) << sample.path << " " << n;
      }
      EXPECT_TRUE(sample.unreadable.empty());
    }
    EXPECT_NE(snapshot.find("/a"), nullptr);
    EXPECT_NE(snapshot.find("/d"), nullptr);
    if (reads < n) {
      EXPECT_NE(snapshot.find("/b/c"), nullptr);
      break;
    }
  }
}

// One read of the walk fails, whichever: nothing else changes.
TEST(WalkTest, FaultSweep) {
  const FixtureTree fixture;
  for (const char* path : {"/a", "/b"}) fixture.add(path, control_files());
  const Tree tree = fixture.open();
  const Facts truth = facts(tree.read_sample("/a").value());
  const WalkOptions all{{}, limits::kCgroupsWatched, limits::kCgroupDepth};
  for (const int errno_value : {ENOENT, ENODEV, EACCES, EBUSY, EINVAL, EOPNOTSUPP}) {
    for (int n = 1;; ++n) {
      int reads = 0;
      const Snapshot snapshot = walk(tree.root_fd(), TimePoint{}, all,
                                     [&](int dir, const std::string& file) -> Result<std::string> {
                                       if (++reads == n)
                                         return fail(Error::from_errno(errno_value, "read", file));
                                       return read_control_file(dir, file);
                                     });
      std::size_t touched = 0;
      for (const Sample& sample : snapshot.samples()) {
        if (sample.path == "/") continue;
        const Facts found = facts(sample);
        if (found != truth) ++touched;
        for (const auto& [key, value] : found) EXPECT_EQ(truth.at(key), value) << key;
      }
      EXPECT_LE(touched, 1U);
      if (reads < n) {
        EXPECT_EQ(touched, 0U);
        break;
      }
    }
  }
}

}  // namespace
}  // namespace cgwarden::cgroup
