#include "cgroup/control_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "cgroup/events_watch.h"
#include "tests/cgroup/fixture_tree.h"

namespace cgwarden::cgroup {
namespace {

using testing::control_files;
using testing::FixtureTree;
using ::testing::HasSubstr;

class ControlFileTest : public ::testing::Test {
 protected:
  ControlFileTest() { fixture_.add("/a", control_files()); }
  FixtureTree fixture_;
  Tree tree_ = fixture_.open();
};

TEST_F(ControlFileTest, WritesWhatDiffersAndReportsBoth) {
  const WriteReport report = write_control_file(tree_, "/a", "cpu.max", "20000").value();
  EXPECT_EQ(report.outcome, WriteOutcome::written);
  EXPECT_EQ(report.before, "50000 100000");
  EXPECT_EQ(report.after, "20000 100000");
  EXPECT_EQ(tree_.read("/a", "cpu.max").value(), "20000 100000\n");
}

// A write would change the modification time: set it to 0 and see that it stays.
TEST_F(ControlFileTest, EqualValuesAreNotWritten) {
  for (const auto& [file, value] :
       std::vector<std::pair<std::string, std::string>>{{"cpu.max", "50000"},
                                                        {"cpu.max", "50000 100000"},
                                                        {"cpu.weight", "300"},
                                                        {"memory.max", "max"},
                                                        {"memory.low", "4097"},
                                                        {"memory.oom.group", "1"},
                                                        {"pids.max", "128"},
                                                        {"io.weight", "100"},
                                                        {"io.max", "254:0 wiops=120"},
                                                        {"io.weight", "254:0 200"},
                                                        {"cpu.max.burst", "25000"}}) {
    const std::string path = fixture_.host_path("/a/" + file);
    const timespec times[2] = {};
    ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
    const auto report = write_control_file(tree_, "/a", file, value);
    ASSERT_TRUE(report.has_value()) << report.error().sentence();
    EXPECT_EQ(report->outcome, WriteOutcome::unchanged) << file << " " << value;
    EXPECT_EQ(report->before, report->after);
    struct stat status{};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mtim.tv_sec, 0) << file;
  }
}

TEST_F(ControlFileTest, RefusesBytesThatWouldBecomeZero) {
  const auto refused = write_control_file(tree_, "/a", "memory.high", "4095");
  EXPECT_EQ(refused.error().kind, ErrorKind::invalid);
  EXPECT_EQ(tree_.read("/a", "memory.high").value(), "62914560\n");
}

TEST_F(ControlFileTest, SaysWhichControllerIsMissing) {
  fixture_.add("/b", {{"cgroup.controllers", "cpu\n"}, {"cgroup.subtree_control", ""}});
  const auto missing = write_control_file(tree_, "/b", "memory.max", "max");
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().kind, ErrorKind::not_supported);
  EXPECT_THAT(missing.error().sentence(), HasSubstr("controller memory is not available under /b"));
  const auto old = write_control_file(tree_, "/b", "cpu.max.burst", "0");
  EXPECT_EQ(old.error().kind, ErrorKind::not_supported);
  EXPECT_THAT(old.error().sentence(), HasSubstr("this kernel has no cpu.max.burst"));
  const auto root = write_control_file(tree_, "/", "cpu.max", "max");
  EXPECT_THAT(root.error().sentence(), HasSubstr("the root cgroup has no cpu.max"));
}

TEST_F(ControlFileTest, AVanishedCgroupIsVanished) {
  EXPECT_EQ(write_control_file(tree_, "/gone", "cpu.max", "max").error().kind, ErrorKind::vanished);
  EXPECT_EQ(write_control_file(tree_, "/a", "../a/cpu.max", "max").error().kind,
            ErrorKind::invalid);
}

TEST_F(ControlFileTest, EnablesOnlyWhatIsMissing) {
  fixture_.add("/b",
               {{"cgroup.controllers", "cpu memory pids\n"}, {"cgroup.subtree_control", "cpu\n"}});
  ASSERT_TRUE(enable_controllers(tree_, "/b", {"cpu", "memory", "pids"}).has_value());
  EXPECT_EQ(tree_.read("/b", "cgroup.subtree_control").value(), "+memory +pids\n");
  fixture_.write("/b", "cgroup.subtree_control", "cpu\n");
  ASSERT_TRUE(enable_controllers(tree_, "/b", {"cpu"}).has_value());
  EXPECT_EQ(tree_.read("/b", "cgroup.subtree_control").value(), "cpu\n");
  const auto missing = enable_controllers(tree_, "/b", {"cpu", "io"});
  EXPECT_EQ(missing.error().kind, ErrorKind::not_supported);
  EXPECT_THAT(missing.error().sentence(), HasSubstr("controller io is not available under /b"));
}

TEST_F(ControlFileTest, CreatesAndRemoves) {
  EXPECT_TRUE(create_cgroup(tree_, "/new").has_value());
  EXPECT_TRUE(create_cgroup(tree_, "/new").has_value());
  EXPECT_TRUE(create_cgroup(tree_, "/new/child").has_value());
  EXPECT_EQ(remove_cgroup(tree_, "/new").error().kind, ErrorKind::busy);
  EXPECT_TRUE(remove_cgroup(tree_, "/new/child").has_value());
  EXPECT_TRUE(create_cgroup(tree_, "/new/child").has_value());
  EXPECT_TRUE(create_cgroup(tree_, "/new/child/a").has_value());
  EXPECT_TRUE(create_cgroup(tree_, "/new/child/b").has_value());
  EXPECT_TRUE(remove_cgroups_below(tree_, "/new").has_value());
  EXPECT_TRUE(tree_.open_cgroup("/new").has_value());
  EXPECT_FALSE(tree_.open_cgroup("/new/child").has_value());
  EXPECT_TRUE(remove_cgroups_below(tree_, "/no/parent").has_value());
  EXPECT_TRUE(remove_cgroup(tree_, "/new").has_value());
  EXPECT_TRUE(remove_cgroup(tree_, "/new").has_value());
  EXPECT_TRUE(remove_cgroup(tree_, "/no/parent").has_value());
  EXPECT_EQ(create_cgroup(tree_, "/no/parent").error().kind, ErrorKind::vanished);
  EXPECT_EQ(create_cgroup(tree_, "/").error().kind, ErrorKind::invalid);
  EXPECT_EQ(remove_cgroup(tree_, "/").error().kind, ErrorKind::invalid);
  // A control file of that name is not a cgroup.
  EXPECT_EQ(create_cgroup(tree_, "/a/cpu.max").error().kind, ErrorKind::busy);
}

TEST_F(ControlFileTest, MovesAndKills) {
  fixture_.write("/a", "cgroup.procs", "");
  fixture_.write("/a", "cgroup.kill", "");
  ASSERT_TRUE(move_process(tree_, "/a", 42).has_value());
  EXPECT_EQ(tree_.read("/a", "cgroup.procs").value(), "42\n");
  ASSERT_TRUE(kill_cgroup(tree_, "/a").has_value());
  EXPECT_EQ(tree_.read("/a", "cgroup.kill").value(), "1\n");
  fixture_.remove("/a/cgroup.kill");
  EXPECT_EQ(kill_cgroup(tree_, "/a").error().kind, ErrorKind::not_supported);
  EXPECT_EQ(kill_cgroup(tree_, "/gone").error().kind, ErrorKind::vanished);
}

TEST_F(ControlFileTest, EventsWatchReadsTheWholeFileEachTime) {
  const auto watch = EventsWatch::open(tree_, "/a", "memory.events");
  ASSERT_TRUE(watch.has_value());
  EXPECT_EQ(watch->read().value(), control_files().at("memory.events"));
  const std::string larger(9000, 'x');
  fixture_.write("/a", "memory.events", larger);
  EXPECT_EQ(watch->read().value(), larger);
  EXPECT_EQ(EventsWatch::open(tree_, "/a", "none").error().kind, ErrorKind::vanished);
  EXPECT_EQ(EventsWatch::open(tree_, "/a", "../a/pids.max").error().kind, ErrorKind::invalid);
}

}  // namespace
}  // namespace cgwarden::cgroup
