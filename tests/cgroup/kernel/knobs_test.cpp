// Writing control files of a real kernel.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/inotify.h>

#include "tests/cgroup/facts.h"
#include "tests/cgroup/kernel/kernel_cgroup.h"

namespace cgwarden::cgroup {
namespace {

using testing::Child;
using testing::facts;
using ::testing::HasSubstr;
using testing::sleep_forever;

class KnobsTest : public testing::KernelTest {};

struct Knob {
  const char* file;
  const char* value;
};

TEST_F(KnobsTest, EachReadsBackEqualAndIsNotWrittenTwice) {
  for (const Knob& knob : std::vector<Knob>{{"cpu.weight", "300"},
                                            {"cpu.max", "20000 100000"},
                                            {"cpu.max.burst", "5000"},
                                            {"memory.min", "1048576"},
                                            {"memory.low", "2097152"},
                                            {"memory.high", "62914560"},
                                            {"memory.max", "67108864"},
                                            {"memory.swap.high", "4194304"},
                                            {"memory.swap.max", "8388608"},
                                            {"memory.oom.group", "1"},
                                            {"pids.max", "64"},
                                            {"cgroup.freeze", "1"},
                                            {"cgroup.freeze", "0"},
                                            {"memory.swap.max", "0"},
                                            {"memory.high", "max"},
                                            {"cpu.max", "max 100000"}}) {
    const WriteReport first = write(knob.file, knob.value);
    EXPECT_EQ(first.outcome, WriteOutcome::written) << knob.file;
    EXPECT_EQ(first.after, knob.value) << knob.file;
    EXPECT_NE(first.before, knob.value) << knob.file;
    EXPECT_EQ(write(knob.file, knob.value).outcome, WriteOutcome::unchanged) << knob.file;
  }
  const auto found = facts(tree_.read_sample(leaf_, FileGroups::all()).value());
  for (const auto& [key, value] :
       std::map<std::string, std::string>{{"cpu.weight|", "300"},
                                          {"cpu.max|quota", "max"},
                                          {"cpu.max|period", "100000"},
                                          {"cpu.max.burst|", "5000"},
                                          {"memory.min|", "1048576"},
                                          {"memory.low|", "2097152"},
                                          {"memory.high|", "max"},
                                          {"memory.max|", "67108864"},
                                          {"memory.swap.high|", "4194304"},
                                          {"memory.swap.max|", "0"},
                                          {"memory.oom.group|", "1"},
                                          {"pids.max|", "64"},
                                          {"cgroup.freeze|", "0"}}) {
    ASSERT_TRUE(found.contains(key)) << key;
    EXPECT_EQ(found.at(key), value) << key;
  }
}

// Every write(2) to a file gives IN_MODIFY, so its absence proves that none happened.
TEST_F(KnobsTest, AnUnchangedCpuMaxIsNotWritten) {
  write("cpu.max", "20000 200000");
  const UniqueFd inotify(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  const std::string path = tree_.root() + leaf_ + "/cpu.max";
  ASSERT_GE(::inotify_add_watch(inotify.get(), path.c_str(), IN_MODIFY), 0);
  char buffer[4096];
  EXPECT_EQ(write("cpu.max", "20000").outcome, WriteOutcome::unchanged);
  EXPECT_EQ(write("cpu.max", "20000 200000").outcome, WriteOutcome::unchanged);
  EXPECT_LT(::read(inotify.get(), buffer, sizeof buffer), 0);
  EXPECT_EQ(errno, EAGAIN);
  const WriteReport changed = write("cpu.max", "30000");
  EXPECT_EQ(changed.outcome, WriteOutcome::written);
  EXPECT_EQ(changed.after, "30000 200000");
  EXPECT_GT(::read(inotify.get(), buffer, sizeof buffer), 0);
}

TEST_F(KnobsTest, MemoryIsRoundedDownToPages) {
  const WriteReport report = write("memory.high", "10485761");
  EXPECT_EQ(report.outcome, WriteOutcome::adjusted);
  EXPECT_EQ(report.after, "10485760");
  EXPECT_EQ(write("memory.high", "10485761").outcome, WriteOutcome::unchanged);
  EXPECT_THAT(refused(leaf_, "memory.high", "4095", ErrorKind::invalid),
              HasSubstr("would store 4095 bytes as 0"));
  EXPECT_EQ(tree_.read(leaf_, "memory.high").value(), "10485760\n");
  EXPECT_EQ(write("memory.max", "9223372036854775807").outcome, WriteOutcome::unchanged);
}

TEST_F(KnobsTest, BurstAndQuotaAreOrdered) {
  write("cpu.max", "50000 100000");
  write("cpu.max.burst", "40000");
  EXPECT_THAT(refused(leaf_, "cpu.max", "20000", ErrorKind::invalid),
              HasSubstr("lower cpu.max.burst (40000) first"));
  EXPECT_THAT(refused(leaf_, "cpu.max.burst", "60000", ErrorKind::invalid),
              HasSubstr("cpu.max.burst (60000) may not exceed the quota of cpu.max (50000)"));
  EXPECT_EQ(tree_.read(leaf_, "cpu.max").value(), "50000 100000\n");
  EXPECT_THAT(refused(leaf_, "cpu.max", "999 100000", ErrorKind::invalid),
              HasSubstr("at least 1000 microseconds"));
  EXPECT_THAT(refused(leaf_, "cpu.max", "50000 2000000", ErrorKind::invalid),
              HasSubstr("the period must be 1000 to 1000000 microseconds"));
}

TEST_F(KnobsTest, WeightsHaveARangeAndNoneWhileIdle) {
  EXPECT_THAT(refused(leaf_, "cpu.weight", "10001", ErrorKind::invalid),
              HasSubstr("a weight is 1 to 10000"));
  write("cpu.idle", "1");
  // 6.1 shows 0, 6.12 clamps what it shows to 1: either way the weight that was set is gone.
  EXPECT_LE(tree_.read_sample(leaf_)->cpu_weight.value_or(100), 1U);
  EXPECT_THAT(refused(leaf_, "cpu.weight", "300", ErrorKind::invalid), HasSubstr("cpu.idle is 1"));
}

TEST_F(KnobsTest, AMissingControllerIsNamed) {
  ASSERT_TRUE(create_cgroup(tree_, leaf_ + "/bare").has_value());
  EXPECT_THAT(refused(leaf_ + "/bare", "memory.max", "max", ErrorKind::not_supported),
              HasSubstr("controller memory is not available under " + leaf_ + "/bare"));
  const auto enabled = enable_controllers(tree_, leaf_ + "/bare", {"pids"});
  ASSERT_FALSE(enabled.has_value());
  EXPECT_EQ(enabled.error().kind, ErrorKind::not_supported);
  EXPECT_THAT(enabled.error().sentence(), HasSubstr("controller pids is not available"));
  EXPECT_THAT(refused("/", "cpu.max", "max", ErrorKind::not_supported),
              HasSubstr("the root cgroup has no cpu.max"));
  EXPECT_EQ(kill_cgroup(tree_, "/").error().kind, ErrorKind::not_supported);
}

TEST_F(KnobsTest, ADeviceThatIsNotThereIsNotAVanishedCgroup) {
  EXPECT_THAT(refused(leaf_, "io.max", "4095:1000 rbps=1048576", ErrorKind::invalid),
              HasSubstr("no whole block device 4095:1000"));
}

TEST_F(KnobsTest, ProcessesMayNotStandInInnerCgroups) {
  const Child child(tree_, leaf_, sleep_forever);
  const auto enabled = enable_controllers(tree_, leaf_, {"memory"});
  ASSERT_FALSE(enabled.has_value());
  EXPECT_EQ(enabled.error().kind, ErrorKind::busy);
  EXPECT_THAT(enabled.error().sentence(), HasSubstr("has processes of its own"));
  const Status moved = move_process(tree_, top_, child.pid());
  ASSERT_FALSE(moved.has_value());
  EXPECT_EQ(moved.error().kind, ErrorKind::busy);
  EXPECT_THAT(moved.error().sentence(), HasSubstr("controllers are enabled in its"));
  EXPECT_EQ(remove_cgroup(tree_, leaf_).error().kind, ErrorKind::busy);
}

TEST_F(KnobsTest, AnEndedProcessCannotBeMoved) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(0);
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  const Status moved = move_process(tree_, leaf_, pid);
  ASSERT_FALSE(moved.has_value());
  EXPECT_EQ(moved.error().kind, ErrorKind::vanished);
  EXPECT_THAT(moved.error().sentence(), HasSubstr("has ended"));
}

TEST_F(KnobsTest, ThreadedCgroupsTakeThreadedControllersOnly) {
  const std::string threaded = leaf_ + "/threaded";
  ASSERT_TRUE(create_cgroup(tree_, threaded).has_value());
  ASSERT_EQ(write_control_file(tree_, threaded, "cgroup.type", "threaded")->outcome,
            WriteOutcome::written);
  EXPECT_EQ(tree_.read_sample(threaded)->cgroup_type, CgroupType::threaded);
  EXPECT_EQ(tree_.read_sample(leaf_)->cgroup_type, CgroupType::domain_threaded);
  const auto enabled = enable_controllers(tree_, leaf_, {"memory"});
  ASSERT_FALSE(enabled.has_value());
  EXPECT_EQ(enabled.error().kind, ErrorKind::not_supported) << enabled.error().sentence();
  EXPECT_THAT(enabled.error().sentence(), HasSubstr("threaded"));
}

}  // namespace
}  // namespace cgwarden::cgroup
