#include "agent/incident.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>

#include "diagnosis/diagnose.h"

namespace cgwarden::agent {
namespace {

launcher::ExitRecord record() {
  launcher::ExitRecord record;
  record.name = "leaker";
  record.incarnation = 2;
  record.main_pid = 102;
  record.wait = launcher::WaitStatus{CLD_KILLED, SIGKILL};
  launcher::CgroupCapture capture;
  capture.path = "/cgwarden.slice/leaker.scope/payload";
  capture.id = CgroupId{77};
  capture.before = {{"memory.events.local", "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\n"}};
  capture.after = {{"memory.events.local", "low 0\nhigh 0\nmax 9\noom 1\noom_kill 1\n"},
                   {"memory.max", "67108864\n"},
                   {"memory.high", "max\n"},
                   {"memory.peak", "67108864\n"},
                   {"cpu.max", "max 100000\n"},
                   {"memory.oom.group", "0\n"}};
  record.cgroups = {capture};
  return record;
}

TEST(IncidentTest, ReadsTheShimsTextsAsValues) {
  const auto evidence = evidence_of(record(), {}, {}, {});
  ASSERT_EQ(evidence.cgroups.size(), 1U);
  const auto& cgroup = evidence.cgroups[0];
  EXPECT_EQ(cgroup.id.value, 77U);
  EXPECT_EQ(cgroup.before.memory_events_local->oom_kill, 0U);
  EXPECT_EQ(cgroup.after.memory_events_local->oom_kill, 1U);
  EXPECT_EQ(std::get<Bytes>(*cgroup.memory_max).value, 67108864U);
  EXPECT_TRUE(is_max(*cgroup.memory_high));
  EXPECT_EQ(cgroup.memory_oom_group, false);
  EXPECT_EQ(evidence.main_exit->kind, diagnosis::MainExit::Kind::killed);
  EXPECT_EQ(evidence.main_exit->status, SIGKILL);
  EXPECT_TRUE(evidence.lost.empty());
}

TEST(IncidentTest, WhatTheKernelDidNotShowIsAbsentAndNotZero) {
  const auto evidence = evidence_of(record(), {}, {}, {});
  EXPECT_FALSE(evidence.cgroups[0].before.memory_events);
  EXPECT_FALSE(evidence.cgroups[0].memory_current);
  EXPECT_FALSE(evidence.cgroups[0].memory_stat);
  EXPECT_FALSE(evidence.cgroups[0].after.cpu_stat);
}

TEST(IncidentTest, AnUnparsableTextIsLostEvidence) {
  auto broken = record();
  broken.cgroups[0].after["memory.events.local"] = "low 0\nhigh";
  broken.cgroups[0].after["memory.max"] = "-5\n";
  const auto evidence = evidence_of(broken, {}, {}, {});
  EXPECT_FALSE(evidence.cgroups[0].after.memory_events_local);
  EXPECT_FALSE(evidence.cgroups[0].memory_max);
  EXPECT_THAT(evidence.lost,
              testing::UnorderedElementsAre(testing::HasSubstr("memory.events.local"),
                                            testing::HasSubstr("memory.max")));
}

TEST(IncidentTest, AGapInTheKernelLogIsLostEvidenceFromTheLastLookOn) {
  auto seen = record();
  seen.started.boottime = Usec(10'000'000);
  seen.ended.boottime = Usec(90'000'000);
  const KernelLogExtract log{.kills = {}, .gaps = {{Usec(0), Usec(50'000'000), 12}}, .fault = ""};
  // When nobody knows what it outlived, the gap may hide what killed it.
  EXPECT_THAT(
      evidence_of(seen, log, {}, {}).lost,
      testing::ElementsAre("kernel log: 12 records were overwritten before they were read"));
  seen.outlived = TimePoint{Usec(80'000'000), Usec(0)};
  const auto evidence = evidence_of(seen, log, {}, {});
  EXPECT_TRUE(evidence.lost.empty());
  EXPECT_THAT(evidence.lost_earlier, testing::ElementsAre(testing::HasSubstr("12 records")));
  seen.outlived->boottime = Usec(40'000'000);
  EXPECT_EQ(evidence_of(seen, log, {}, {}).lost.size(), 1U);
}

TEST(IncidentTest, AKernelLogThatCannotBeReadIsLostEvidence) {
  const KernelLogExtract log{.kills = {}, .gaps = {}, .fault = "not permitted"};
  EXPECT_THAT(evidence_of(record(), log, {}, {}).lost,
              testing::ElementsAre("kernel log: not permitted"));
}

TEST(IncidentTest, ReadsWhatItOutlived) {
  auto seen = record();
  seen.outlived = TimePoint{Usec(5), Usec(6)};
  seen.cgroups[0].outlived = {{"memory.events.local", "low 0\nhigh 0\nmax 0\noom 4\noom_kill 3\n"}};
  const auto evidence = evidence_of(seen, {}, {}, {});
  EXPECT_EQ(evidence.outlived->wall, Usec(6));
  EXPECT_EQ(evidence.cgroups[0].outlived.memory_events_local->oom_kill, 3U);
}

TEST(IncidentTest, OutputThatNoLogTookIsSaidAndWeakensNoVerdict) {
  auto died = record();
  const auto whole = diagnosis::diagnose(evidence_of(died, {}, {}, {}));
  died.stdout_dropped = Bytes{1024};
  died.stderr_dropped = Bytes{3072};
  const auto evidence = evidence_of(died, {}, {}, {});
  EXPECT_EQ(evidence.output_dropped.value, 4096U);
  EXPECT_TRUE(evidence.lost.empty());
  const auto verdict = diagnosis::diagnose(evidence);
  EXPECT_EQ(verdict.confidence, whole.confidence);
  EXPECT_THAT(verdict.evidence_lost, testing::Contains(testing::HasSubstr("4.0 KiB")));
}

TEST(IncidentTest, TheProgramsOwn137StaysAnExitCode) {
  auto exited = record();
  exited.wait = launcher::WaitStatus{CLD_EXITED, 137};
  const auto evidence = evidence_of(exited, {}, {}, {});
  EXPECT_EQ(evidence.main_exit->kind, diagnosis::MainExit::Kind::exited);
  EXPECT_EQ(evidence.main_exit->status, 137);
}

}  // namespace
}  // namespace cgwarden::agent
