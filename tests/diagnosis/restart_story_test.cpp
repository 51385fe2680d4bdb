#include "diagnosis/restart_story.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "diagnosis/report.h"

namespace cgwarden::diagnosis {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::uint64_t kOneSecond = 1'000'000;
constexpr std::uint64_t kStoryStart = 1'700'000'000;

// A death `second` seconds after kStoryStart, 30 s after its start.
Verdict story_death(std::uint64_t second, VerdictClass kind = VerdictClass::oom_own_limit) {
  Verdict verdict;
  verdict.workload = "leaker";
  verdict.verdict = kind;
  verdict.when = {Usec((1000 + second) * kOneSecond), Usec((kStoryStart + second) * kOneSecond)};
  verdict.from = {verdict.when.boottime - Usec(30 * kOneSecond),
                  verdict.when.wall - Usec(30 * kOneSecond)};
  verdict.answer = "leaker died";
  if (kind == VerdictClass::oom_own_limit) verdict.limit = LimitHit{"/leaker", "memory.max", "1"};
  return verdict;
}

std::optional<RestartStory> story_of(std::vector<Verdict> newest_first) {
  const Verdict newest = newest_first.front();
  newest_first.erase(newest_first.begin());
  return restart_story(newest, newest_first);
}

TEST(RestartStoryTest, DeathsOfTheSameCauseAreOneStory) {
  const auto story = story_of({story_death(120), story_death(60), story_death(0)});
  ASSERT_TRUE(story);
  EXPECT_EQ(story->deaths, 3U);
  EXPECT_EQ(story->interval, Usec(60 * kOneSecond));
  EXPECT_EQ(story->life, Usec(30 * kOneSecond));
  EXPECT_EQ(story->first_wall, Usec(kStoryStart * kOneSecond));
  EXPECT_EQ(story->trend, RestartStory::Trend::steady);
  EXPECT_EQ(tell(*story, "leaker"),
            "leaker has died 3 times in a row of the same cause (OOM_OWN_LIMIT) since 2023-11-14 "
            "22:13:20 UTC: about every 1min 0s, each time 30.00 s after its start.");
}

TEST(RestartStoryTest, TwoAreNoStory) { EXPECT_FALSE(story_of({story_death(60), story_death(0)})); }

TEST(RestartStoryTest, AnotherCauseEndsIt) {
  const auto story =
      story_of({story_death(300), story_death(240), story_death(180),
                story_death(120, VerdictClass::exited), story_death(60), story_death(0)});
  ASSERT_TRUE(story);
  EXPECT_EQ(story->deaths, 3U);
  EXPECT_FALSE(
      story_of({story_death(180, VerdictClass::exited), story_death(120), story_death(60)}));
}

TEST(RestartStoryTest, AnotherLimitOrExitStatusIsAnotherCause) {
  auto elsewhere = story_death(60);
  elsewhere.limit->cgroup = "/";
  EXPECT_FALSE(story_of({story_death(120), elsewhere, story_death(0)}));
  std::vector<Verdict> exits{story_death(120, VerdictClass::exited),
                             story_death(60, VerdictClass::exited),
                             story_death(0, VerdictClass::exited)};
  for (auto& exit : exits) exit.evidence.push_back({"waitid", "pid 7", "CLD_EXITED status 1"});
  EXPECT_TRUE(story_of(exits));
  exits[1].evidence[0].quote = "CLD_EXITED status 2";
  EXPECT_FALSE(story_of(exits));
}

// As a container's id changes with each of its lives.
TEST(RestartStoryTest, NumbersOfOneLifeAreNoOtherCause) {
  const std::string pod = "/kubepods.slice/kubepods-pod1b2c3d4e_5f60_4a7b_8c9d_0e1f2a3b4c5d.slice/";
  std::vector<Verdict> loop{story_death(120), story_death(60), story_death(0)};
  loop[0].limit->cgroup = pod + "cri-containerd-" + std::string(32, 'a') + std::string(32, '1');
  loop[1].limit->cgroup = pod + "cri-containerd-" + std::string(64, '7');
  loop[2].limit->cgroup =
      "/kubepods.slice/kubepods-podffffffff_0000_4000_8000_abcdefabcdef.slice/cri-containerd-" +
      std::string(64, 'f');
  for (auto& death : loop) death.workload = "container://shop/web-7d9/nginx";
  const auto story = story_of(loop);
  ASSERT_TRUE(story);
  EXPECT_EQ(story->deaths, 3U);
  EXPECT_THAT(tell(*story, loop[0].workload),
              ::testing::StartsWith("web-7d9/nginx has died 3 times"));

  std::vector<Verdict> killed;
  for (const pid_t killer : {4711, 812, 90210}) {
    auto& death =
        killed.emplace_back(story_death(300 - 60 * killed.size(), VerdictClass::killed_by_user));
    death.actor = Actor{killer, "pid " + std::to_string(killer) + " `kubelet`"};
  }
  EXPECT_TRUE(story_of(killed));
  killed[1].actor->what = "pid 812 `bash`";
  EXPECT_FALSE(story_of(killed));
}

TEST(RestartStoryTest, OneProgramIsOneActor) {
  std::vector<Verdict> killed;
  for (unsigned i = 0; i < 3; ++i) {
    auto& death = killed.emplace_back(story_death(300 - 60 * i, VerdictClass::killed_by_user));
    death.actor = Actor{pid_t(7), "pid 7 `run-one --of " + std::string(i, 'x') + "`"};
    death.actor->exe = "/usr/bin/run-one";
  }
  EXPECT_TRUE(story_of(killed));
  killed[1].actor->exe = "/usr/bin/other";
  EXPECT_FALSE(story_of(killed));
}

// Evidence that one of them lacks, as after a lost message of the kernel, tells nothing against it.
TEST(RestartStoryTest, WhatIsNotKnownOfOneDeathEndsNoStory) {
  std::vector<Verdict> loop{story_death(180), story_death(120), story_death(60), story_death(0)};
  loop[1].limit.reset();
  EXPECT_EQ(story_of(loop)->deaths, 4U);
  std::vector<Verdict> exits(3, story_death(60, VerdictClass::exited));
  exits[0].evidence.push_back({"waitid", "pid 7", "CLD_EXITED, code 3"});
  exits[1].evidence.push_back(
      {"systemd", "a.service", "Result=exit-code, ExecMainCode=exited, ExecMainStatus=3"});
  EXPECT_TRUE(story_of(exits));
  exits[1].evidence[0].quote = "Result=exit-code, ExecMainCode=exited, ExecMainStatus=203/EXEC";
  EXPECT_FALSE(story_of(exits));
}

TEST(RestartStoryTest, WhatIsNoCrashOrNoKnownCauseIsNotCalledOne) {
  EXPECT_FALSE(
      story_of({story_death(120, VerdictClass::stopped), story_death(60, VerdictClass::stopped),
                story_death(0, VerdictClass::stopped)}));
  const auto story =
      story_of({story_death(120, VerdictClass::unknown), story_death(60, VerdictClass::unknown),
                story_death(0, VerdictClass::unknown)});
  ASSERT_TRUE(story);
  EXPECT_THAT(tell(*story, "w"), HasSubstr("w has died 3 times in a row, and why is not known"));
}

TEST(RestartStoryTest, AStoryWhoseBeginningIsNotStoredSaysSo) {
  auto story = story_of({story_death(120), story_death(60), story_death(0)});
  ASSERT_TRUE(story);
  story->is_cut = true;
  EXPECT_THAT(tell(*story, "w"), HasSubstr("w has died at least 3 times in a row"));
}

TEST(RestartStoryTest, StallsInBetweenDoNotEndIt) {
  auto stall = story_death(90, VerdictClass::throttled);
  stall.death = false;
  EXPECT_TRUE(story_of({story_death(120), stall, story_death(60), story_death(0)}));
  EXPECT_FALSE(story_of({stall, story_death(60), story_death(30), story_death(0)}));
}

TEST(RestartStoryTest, TheTrendIsToldWhenThereAreEnough) {
  const auto faster =
      story_of({story_death(390), story_death(380), story_death(370), story_death(360),
                story_death(240), story_death(120), story_death(0)});
  ASSERT_TRUE(faster);
  EXPECT_EQ(faster->trend, RestartStory::Trend::faster);
  EXPECT_THAT(tell(*faster, "w"),
              HasSubstr("come faster: every 2min 0s at first, every 10.00 s of late."));
  const auto slower = story_of({story_death(390), story_death(270), story_death(150),
                                story_death(30), story_death(20), story_death(10), story_death(0)});
  ASSERT_TRUE(slower);
  EXPECT_EQ(slower->trend, RestartStory::Trend::slower);
  EXPECT_EQ(story_of({story_death(140), story_death(130), story_death(120), story_death(0)})->trend,
            RestartStory::Trend::steady);
}

TEST(RestartStoryTest, AClockThatWasSetBackGivesNoWrongNumbers) {
  const auto story = story_of({story_death(0), story_death(600), story_death(540)});
  ASSERT_TRUE(story);
  EXPECT_LE(story->interval, Usec(60 * kOneSecond));
}

TEST(RestartStoryTest, TheReportTellsItOnceAndNotDeathByDeath) {
  const std::string text = report(
      story_death(180), {story_death(120), story_death(60), story_death(0, VerdictClass::exited)},
      ReportStyle{});
  EXPECT_THAT(text, HasSubstr("Restarts\n"));
  EXPECT_THAT(text, HasSubstr("has died 3 times in a row"));
  EXPECT_THAT(text, HasSubstr("Before that\n  - 2023-11-14 22:13:20 UTC  EXITED"));
  EXPECT_THAT(text, Not(HasSubstr("22:14:20 UTC  OOM_OWN_LIMIT")));
}

}  // namespace
}  // namespace cgwarden::diagnosis
