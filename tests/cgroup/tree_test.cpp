#include "cgroup/tree.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "cgroup/path_walk.h"
#include "tests/cgroup/facts.h"
#include "tests/cgroup/fixture_tree.h"

namespace cgwarden::cgroup {
namespace {

using testing::control_files;
using testing::facts;
using testing::FixtureTree;
using ::testing::HasSubstr;

std::uint64_t inode_of(const std::string& path) {
  struct stat status{};
  EXPECT_EQ(::stat(path.c_str(), &status), 0);
  return status.st_ino;
}

TEST(TreeTest, RefusesWhatIsNotCgroup2) {
  const FixtureTree fixture;
  const auto tree = Tree::open(fixture.root());
  ASSERT_FALSE(tree.has_value());
  EXPECT_EQ(tree.error().kind, ErrorKind::not_supported);
  EXPECT_THAT(tree.error().sentence(), HasSubstr("not a cgroup v2 file system"));
  EXPECT_EQ(Tree::open("/does/not/exist", false).error().kind, ErrorKind::vanished);
}

TEST(TreeTest, ReadsOneFileAndOneSample) {
  const FixtureTree fixture;
  fixture.add("/a/b", control_files());
  const Tree tree = fixture.open();
  EXPECT_EQ(tree.read("/a/b", "cpu.max").value(), "50000 100000\n");
  EXPECT_EQ(tree.id_of("/a/b").value().value, inode_of(fixture.host_path("/a/b")));
  const Sample sample = tree.read_sample("/a/b").value();
  EXPECT_EQ(sample.path, "/a/b");
  EXPECT_EQ(sample.id.value, inode_of(fixture.host_path("/a/b")));
  EXPECT_EQ(facts(sample).size(), facts(tree.read_sample("/a/b").value()).size());
  EXPECT_EQ(sample.cpu_max, (CpuMax{Usec{50000}, Usec{100000}}));
  EXPECT_EQ(tree.read_sample("/").value().path, "/");
}

TEST(TreeTest, RootPathMayEndWithSlash) {
  const FixtureTree fixture;
  EXPECT_EQ(Tree::open(fixture.root() + "//", false)->root(), fixture.root());
}

TEST(TreeTest, ErrorsNameTheWholePath) {
  const FixtureTree fixture;
  fixture.add("/a", {});
  const Tree tree = fixture.open();
  EXPECT_EQ(tree.read("/a", "cpu.max").error().sentence(),
            "cannot open " + fixture.root() + "/a/cpu.max: No such file or directory");
  const auto gone = tree.read_sample("/b");
  EXPECT_EQ(gone.error().kind, ErrorKind::vanished);
  EXPECT_EQ(gone.error().sentence(),
            "cannot open " + fixture.root() + "/b: No such file or directory");
}

TEST(TreeTest, RefusesPathsThatCouldLeadOut) {
  const FixtureTree fixture;
  fixture.add("/a", {{"pids.max", "max\n"}});
  const Tree tree = fixture.open();
  for (const std::string& bad :
       {std::string("/.."), std::string("/a/.."), std::string("/a/../a"), std::string(""),
        std::string("a"), std::string("/a/"), std::string("//a"), std::string("/./a"),
        std::string("/a\0b", 4)}) {
    EXPECT_EQ(tree.open_cgroup(bad).error().kind, ErrorKind::invalid) << bad;
  }
  for (const std::string& bad : {std::string("../pids.max"), std::string(""), std::string(".."),
                                 std::string("b/pids.max"), std::string("pids.max\0x", 10)}) {
    EXPECT_EQ(tree.read("/a", bad).error().kind, ErrorKind::invalid) << bad;
  }
}

TEST(TreeTest, FollowsNoSymlink) {
  const FixtureTree fixture;
  fixture.add("/a", {{"pids.max", "max\n"}});
  std::filesystem::create_directory_symlink(fixture.host_path("/a"), fixture.host_path("/link"));
  std::filesystem::create_symlink("/etc/passwd", fixture.host_path("/a/memory.max"));
  const Tree tree = fixture.open();
  EXPECT_EQ(tree.open_cgroup("/link").error().kind, ErrorKind::invalid);
  EXPECT_FALSE(tree.read("/a", "memory.max").has_value());
  EXPECT_FALSE(tree.read_sample("/a")->memory_max.has_value());
}

TEST(TreeTest, AReplacedCgroupIsAnotherOne) {
  const FixtureTree fixture;
  fixture.add("/a", {});
  const Tree tree = fixture.open();
  const UniqueFd old = tree.open_cgroup("/a").value();  // pins the inode number
  const CgroupId before = tree.id_of("/a").value();
  fixture.remove("/a");
  EXPECT_EQ(tree.id_of("/a").error().kind, ErrorKind::vanished);
  fixture.add("/a", {});
  EXPECT_NE(tree.id_of("/a").value(), before);
}

TEST(OpenByComponentTest, AgreesWithOpenat2) {
  const FixtureTree fixture;
  fixture.add("/a/b/c", {});
  std::filesystem::create_directory_symlink("b", fixture.host_path("/a/link"));
  fixture.write("/a", "pids.max", "max\n");
  const Tree tree = fixture.open();
  for (const char* path :
       {"/", "/a", "/a/b/c", "/a/link", "/a/link/c", "/a/pids.max", "/a/none", "/none/b"}) {
    const std::string relative = relative_path(path).value();
    const auto fast = open_beneath(tree.root_fd(), relative, path);
    const auto slow = open_by_component(tree.root_fd(), relative, path);
    ASSERT_EQ(fast.has_value(), slow.has_value()) << path;
    if (!fast) {
      EXPECT_EQ(fast.error().kind, slow.error().kind) << path;
      continue;
    }
    struct stat a{};
    struct stat b{};
    ASSERT_EQ(::fstat(fast->get(), &a), 0);
    ASSERT_EQ(::fstat(slow->get(), &b), 0);
    EXPECT_EQ(a.st_ino, b.st_ino) << path;
    EXPECT_TRUE((::fcntl(slow->get(), F_GETFD) & FD_CLOEXEC) != 0);
    EXPECT_TRUE((::fcntl(fast->get(), F_GETFD) & FD_CLOEXEC) != 0);
  }
}

TEST(OpenByComponentTest, CrossesNoMount) {
  const UniqueFd root(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  ASSERT_TRUE(root.valid());
  for (const auto& result : {open_by_component(root.get(), "proc/self", "/proc/self"),
                             open_beneath(root.get(), "proc/self", "/proc/self")}) {
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().kind, ErrorKind::invalid);
  }
}

}  // namespace
}  // namespace cgwarden::cgroup
