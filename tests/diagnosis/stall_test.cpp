// Stalls and events of workloads that live: what must be said, and the case that looks alike and
// must not match.
#include "diagnosis/stall.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "diagnosis/diagnose.h"
#include "tests/diagnosis/scenario.h"

namespace cgwarden::diagnosis {
namespace {

using testing::all_text;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kMain;
using testing::kPayload;
using testing::kScope;
using testing::kSlice;
using testing::Scenario;
using ::testing::SizeIs;

constexpr Bytes kLimit{64U << 20};

class Living {
 public:
  Living() {
    evidence.workload = "web";
    evidence.incarnation = 3;
    evidence.main_pid = kMain;
    evidence.main_state = 'S';
    evidence.from = {Usec{10'000'000}, Usec{1'795'484'000'000'000}};
    evidence.to = {Usec{20'000'000}, Usec{1'795'484'010'000'000}};
    for (const auto& path : {kPayload, kScope, kSlice}) {
      StallCgroup cgroup;
      cgroup.path = path;
      cgroup.before.memory_events = testing::events(3, 2);
      cgroup.before.memory_events_local = testing::events(3, 2);
      cgroup.before.pids_events = cgroup::PidsEvents{.max = 4};
      cgroup.memory_max = LimitOf<Bytes>(Max{});
      cgroup.memory_high = LimitOf<Bytes>(Max{});
      cgroup.pids_max = LimitOf<std::uint64_t>(Max{});
      cgroup.pids_current = 5;
      cgroup.memory_current = Bytes{1U << 20};
      cgroup.frozen = false;
      cgroup.freeze = false;
      cgroup.after = cgroup.before;
      evidence.cgroups.push_back(cgroup);
    }
  }
  StallCgroup& at(std::size_t place) { return evidence.cgroups[place]; }
  Living& pids_of_6_12() {
    for (auto& cgroup : evidence.cgroups) {
      cgroup.before.pids_events_local = cgroup::PidsEvents{.max = 4};
      cgroup.after.pids_events_local = cgroup::PidsEvents{.max = 4};
    }
    return *this;
  }
  Verdict only() {
    const auto found = diagnose_stalls(evidence);
    EXPECT_THAT(found, SizeIs(1));
    if (found.size() != 1) return {};
    EXPECT_FALSE(found[0].death);
    EXPECT_FALSE(is_of_death(found[0].verdict));
    EXPECT_EQ(found[0].workload, "web");
    EXPECT_EQ(found[0].from.wall, evidence.from.wall);
    return found[0];
  }
  void nothing() { EXPECT_THAT(diagnose_stalls(evidence), IsEmpty()); }
  StallEvidence evidence;
};

TEST(StallTest, OneThatDoesWellHasNoVerdict) { Living().nothing(); }

TEST(StallTest, OomWithoutAVictim) {
  Living living;
  living.at(0).memory_max = LimitOf<Bytes>(kLimit);
  living.at(0).memory_current = kLimit;
  living.at(0).after.memory_events_local->oom = 478;
  const auto verdict = living.only();
  EXPECT_EQ(verdict.verdict, VerdictClass::stalled_oom_no_victim);
  EXPECT_EQ(verdict.confidence, Confidence::proven);
  EXPECT_THAT(verdict.answer, HasSubstr("475 times"));
  EXPECT_EQ(verdict.limit->value, "67108864");
  // One that kills is none.
  living.at(0).after.memory_events->oom_kill = 3;
  living.nothing();
  living.at(0).after.memory_events->oom_kill = std::nullopt;
  living.nothing();
}

// Whose limit it is may be far above, and who waits there may be a neighbour.
TEST(StallTest, OomWithoutAVictimAtALimitAboveIt) {
  Living living;
  living.at(2).memory_max = LimitOf<Bytes>(kLimit);
  living.at(2).memory_current = kLimit;
  living.at(2).after.memory_events_local->oom = 478;
  const auto unseen = living.only();
  EXPECT_EQ(unseen.verdict, VerdictClass::stalled_oom_no_victim);
  EXPECT_EQ(unseen.confidence, Confidence::likely);
  EXPECT_EQ(unseen.limit->cgroup, kSlice);
  EXPECT_THAT(unseen.answer, HasSubstr("of " + kSlice + " above it"));
  EXPECT_THAT(all_text(unseen), HasSubstr("neighbour"));
  auto& payload = living.at(0);
  payload.flow_before.emplace();
  payload.flow_before->at.boottime = Usec{10'000'000};
  payload.flow_before->memory_pressure.emplace();
  payload.flow_before->memory_pressure->some = cgroup::PressureLine{};
  payload.flow_after = payload.flow_before;
  payload.flow_after->at.boottime = Usec{20'000'000};
  payload.flow_after->memory_pressure->some->total_usec = 900'000;
  EXPECT_EQ(living.only().confidence, Confidence::strong);
  payload.flow_after->memory_pressure->some->total_usec = 9'000;
  living.nothing();
  payload.flow_after->memory_pressure->some->total_usec = 900'000;
  living.at(2).after.memory_events->oom_kill = 3;
  living.nothing();
}

TEST(StallTest, HeldBackAtMemoryHigh) {
  Living living;
  living.at(0).memory_high = LimitOf<Bytes>(kLimit);
  living.at(0).memory_current = Bytes{65U << 20};
  living.at(0).after.memory_events_local->high = 400;
  auto& flow = living.at(0).flow_after.emplace();
  flow.memory_pressure.emplace();
  flow.memory_pressure->full.emplace();
  flow.memory_pressure->full->avg10 = 97.0;
  const auto verdict = living.only();
  EXPECT_EQ(verdict.verdict, VerdictClass::stalled_memory_high);
  EXPECT_EQ(verdict.confidence, Confidence::proven);
  EXPECT_THAT(verdict.answer, HasSubstr("memory.high = 64.0 MiB"));
  EXPECT_EQ(verdict.limit->file, "memory.high");
  // Reclaim that costs little is what memory.high is for.
  living.at(0).flow_after->memory_pressure->full->avg10 = 3.0;
  living.nothing();
  // What was counted between two readings is worth more than an average.
  living.at(0).flow_after->at.boottime = Usec{20'000'000};
  living.at(0).flow_after->memory_pressure->full->total_usec = 9'500'000;
  living.at(0).flow_after->pgscan = 40;
  living.at(0).flow_before = living.at(0).flow_after;
  living.at(0).flow_before->at.boottime = Usec{10'000'000};
  living.at(0).flow_before->memory_pressure->full->total_usec = 0;
  living.evidence.over_high = 2;
  const auto lost = living.only();
  EXPECT_THAT(lost.answer, HasSubstr("9.50 s of 10.00 s lost"));
  EXPECT_THAT(all_text(lost), HasSubstr("2 in mem_cgroup_handle_over_high"));
  EXPECT_THAT(all_text(lost), ::testing::Not(HasSubstr("handle_over_high, ")));
  living.evidence.over_high_at = TimePoint{Usec{17'000'000}, Usec{0}};
  EXPECT_THAT(all_text(living.only()), HasSubstr("mem_cgroup_handle_over_high, 3.00 s before"));
  EXPECT_THAT(all_text(lost), HasSubstr("systemd-oomd"));
  living.at(0).flow_after->pgscan = 41;
  EXPECT_THAT(all_text(living.only()), ::testing::Not(HasSubstr("systemd-oomd")));
  living.at(0).flow_before.reset();
  living.at(0).flow_after.reset();
  EXPECT_EQ(living.only().confidence, Confidence::likely);
  living.at(0).memory_current = Bytes{63U << 20};
  living.nothing();
}

TEST(StallTest, HeldBackAtTheMemoryHighOfOneAbove) {
  Living living;
  living.at(2).memory_high = LimitOf<Bytes>(kLimit);
  living.at(2).memory_current = Bytes{65U << 20};
  living.at(2).after.memory_events_local->high = 400;
  auto& flow = living.at(0).flow_after.emplace();
  flow.memory_pressure.emplace();
  flow.memory_pressure->full.emplace();
  flow.memory_pressure->full->avg10 = 97.0;
  const auto verdict = living.only();
  EXPECT_EQ(verdict.limit->cgroup, kSlice);
  EXPECT_THAT(verdict.answer, HasSubstr("of " + kSlice + " above it"));
  // The slice's limit holds back its neighbour, and not it.
  living.at(0).flow_after->memory_pressure->full->avg10 = 0.0;
  living.nothing();
}

// Ten seconds of which it waited nine, at 1 MiB/s read from a device of 1 MiB/s.
Living at_io_limit(std::size_t place) {
  Living living;
  for (auto& cgroup : living.evidence.cgroups) {
    cgroup.flow_before.emplace();
    cgroup.flow_before->at.boottime = Usec{10'000'000};
    cgroup.flow_before->io_stat = {
        {.major = 253, .minor = 0, .rbytes = 5U << 20, .wbytes = 7, .rios = 5, .wios = 1}};
    cgroup.flow_before->io_pressure.emplace();
    cgroup.flow_before->io_pressure->some = cgroup::PressureLine{};
    cgroup.flow_before->io_pressure->full = cgroup::PressureLine{};
    cgroup.flow_after = cgroup.flow_before;
    cgroup.flow_after->at.boottime = Usec{20'000'000};
    cgroup.flow_after->io_stat->front().rbytes = 15U << 20;
    cgroup.flow_after->io_stat->front().rios = 25;
    cgroup.flow_after->io_pressure->some->total_usec = 9'000'000;
    cgroup.flow_after->io_pressure->full->total_usec = 8'000'000;
  }
  living.at(place).io_max = {{.major = 253,
                              .minor = 0,
                              .rbps = LimitOf<std::uint64_t>(1U << 20),
                              .wbps = LimitOf<std::uint64_t>(Max{}),
                              .riops = LimitOf<std::uint64_t>(Max{}),
                              .wiops = LimitOf<std::uint64_t>(Max{})}};
  living.evidence.devices[{253, 0}] = "vda";
  return living;
}

TEST(StallTest, WaitingForWhatIoMaxLetsThrough) {
  Living living = at_io_limit(0);
  const auto verdict = living.only();
  EXPECT_EQ(verdict.verdict, VerdictClass::stalled_io_throttled);
  EXPECT_EQ(verdict.confidence, Confidence::proven);
  EXPECT_EQ(verdict.limit->cgroup, kPayload);
  EXPECT_EQ(verdict.limit->file, "io.max");
  EXPECT_EQ(verdict.limit->value, "253:0 rbps=1048576 wbps=max riops=max wiops=max");
  for (const auto* words : {"vda (253:0)", "reads 1.0 MiB a second", "rbps=1048576",
                            "9.00 s of 10.00 s lost waiting"}) {
    EXPECT_THAT(verdict.answer, HasSubstr(words));
  }
  EXPECT_THAT(all_text(verdict), HasSubstr("none of its processes got on"));
}

TEST(StallTest, ARequestLimitIsOneToo) {
  Living living = at_io_limit(0);
  living.at(0).io_max->front().rbps = LimitOf<std::uint64_t>(Max{});
  living.at(0).io_max->front().riops = LimitOf<std::uint64_t>(2U);
  EXPECT_THAT(living.only().answer, HasSubstr("reads 2 requests a second"));
  // One in each slice of 100 ms is all that the kernel lets through of 16.
  living.at(0).io_max->front().riops = LimitOf<std::uint64_t>(16U);
  living.at(0).flow_after->io_stat->front().rios = 105;
  EXPECT_THAT(living.only().answer, HasSubstr("reads 10 requests a second"));
  living.at(0).flow_after->io_stat->front().rios = 85;
  living.nothing();
}

TEST(StallTest, TheIoMaxOfOneAboveIsNamed) {
  const auto verdict = at_io_limit(2).only();
  EXPECT_EQ(verdict.limit->cgroup, kSlice);
  EXPECT_THAT(verdict.answer, HasSubstr("io.max of " + kSlice + " above it"));
}

TEST(StallTest, WhatLooksLikeAnIoLimitAndIsNone) {
  // Far from its limit: the disk is slow.
  Living slow = at_io_limit(0);
  slow.at(0).flow_after->io_stat->front().rbytes = 10U << 20;
  slow.nothing();
  // At its limit, and nobody minds.
  Living content = at_io_limit(0);
  content.at(0).flow_after->io_pressure->some->total_usec = 2'000'000;
  content.nothing();
  // Another device has the limit.
  Living other = at_io_limit(0);
  other.at(0).io_max->front().minor = 16;
  other.nothing();
  // A burst that was watched for a second.
  Living brief = at_io_limit(0);
  for (auto& cgroup : brief.evidence.cgroups) {
    cgroup.flow_before->at.boottime = Usec{19'000'000};
  }
  brief.nothing();
  // One moment alone tells no rate.
  Living once = at_io_limit(0);
  once.at(0).flow_before.reset();
  once.nothing();
}

TEST(StallTest, ItsOwnPidsLimitOnBothKernels) {
  Living old;
  old.at(0).pids_max = LimitOf<std::uint64_t>(10U);
  old.at(0).pids_current = 10;
  old.at(0).after.pids_events->max = 6;
  auto verdict = old.only();
  EXPECT_EQ(verdict.verdict, VerdictClass::pids_limit);
  EXPECT_EQ(verdict.confidence, Confidence::proven);
  EXPECT_THAT(verdict.answer, HasSubstr("it reached its limit pids.max = 10, 2 forks"));
  Living fresh;
  fresh.pids_of_6_12().at(0).pids_max = LimitOf<std::uint64_t>(10U);
  fresh.at(0).after.pids_events_local->max = 6;
  verdict = fresh.only();
  EXPECT_EQ(verdict.limit->cgroup, kPayload);
  EXPECT_EQ(verdict.confidence, Confidence::proven);
}

TEST(StallTest, AnAncestorsPidsLimitOnBothKernels) {
  Living old;
  old.at(0).pids_max = LimitOf<std::uint64_t>(100U);
  old.at(2).pids_max = LimitOf<std::uint64_t>(20U);
  old.at(2).pids_current = 20;
  old.at(0).after.pids_events->max = 5;  // 6.1 counts at the forking cgroup
  auto verdict = old.only();
  EXPECT_EQ(verdict.limit->cgroup, kSlice);
  EXPECT_THAT(verdict.answer, HasSubstr(kSlice + " above it"));
  Living fresh;
  fresh.pids_of_6_12().at(2).pids_max = LimitOf<std::uint64_t>(20U);
  fresh.at(2).after.pids_events_local->max = 5;
  verdict = fresh.only();
  EXPECT_EQ(verdict.limit->cgroup, kSlice);
  // It may have been a neighbour's fork.
  EXPECT_EQ(verdict.confidence, Confidence::likely);
}

// From 6.12 the log alone tells whose forks the limit above refused.
TEST(StallTest, AnAncestorsPidsLimitIsOfWhomTheLogNames) {
  Living living;
  living.pids_of_6_12().at(2).pids_max = LimitOf<std::uint64_t>(20U);
  living.at(2).after.pids_events_local->max = 9;
  auto verdict = living.only();
  EXPECT_THAT(verdict.answer, HasSubstr("web may have been refused a fork: " + kSlice));
  EXPECT_EQ(verdict.confidence, Confidence::likely);
  RefusedFork line;
  line.cgroup = kPayload;
  line.id = CgroupId{1};
  line.boottime = Usec{12'000'000};
  line.sequence = 77;
  line.line = "cgroup: fork rejected by pids controller in " + kPayload;
  living.evidence.refused_forks = {.lines = {line}, .complete = true};
  verdict = living.only();
  EXPECT_EQ(verdict.confidence, Confidence::strong);
  EXPECT_EQ(verdict.limit->cgroup, kSlice);
  EXPECT_THAT(verdict.answer, HasSubstr("web could not fork: " + kSlice + " above it"));
  EXPECT_THAT(verdict.answer, HasSubstr("5 forks below that"));
  EXPECT_THAT(all_text(verdict), HasSubstr("kmsg seq 77"));
  // A group inside it was refused some by a limit of its own: the line may be of that.
  living.at(0).after.pids_events->max = 5;
  verdict = living.only();
  EXPECT_EQ(verdict.confidence, Confidence::likely);
  EXPECT_THAT(verdict.answer, HasSubstr("may have been refused"));
  living.at(0).after.pids_events->max = 4;
  // Whose cgroup it was then is not known.
  living.evidence.refused_forks.lines[0].id.reset();
  EXPECT_EQ(living.only().confidence, Confidence::likely);
  living.evidence.refused_forks.lines[0].id = CgroupId{1};
  // Long ago, and only the first refusal of a cgroup has a line.
  living.evidence.refused_forks.lines[0].boottime = Usec{1'000'000};
  verdict = living.only();
  EXPECT_EQ(verdict.confidence, Confidence::likely);
  EXPECT_THAT(verdict.answer, HasSubstr("may have been refused"));
  // A log without a hole that never named it: the forks were a neighbour's.
  living.evidence.refused_forks.lines.clear();
  auto& root = living.evidence.cgroups.emplace_back();
  root.path = "/";
  living.nothing();
  // In a cgroup namespace its lines have other paths.
  root.pids_max = LimitOf<std::uint64_t>(1000U);
  EXPECT_EQ(living.only().confidence, Confidence::likely);
  root.pids_max.reset();
  living.evidence.refused_forks.complete = false;
  EXPECT_EQ(living.only().confidence, Confidence::likely);
}

// One short of its own, while the one above is full: before 6.12 nothing tells which it was.
TEST(StallTest, OneOfTwoPidsLimitsIsNotProven) {
  Living old;
  old.at(0).pids_max = LimitOf<std::uint64_t>(10U);
  old.at(0).pids_current = 9;
  old.at(2).pids_max = LimitOf<std::uint64_t>(20U);
  old.at(2).pids_current = 20;
  old.at(0).after.pids_events->max = 5;
  const auto verdict = old.only();
  EXPECT_EQ(verdict.limit->cgroup, kSlice);
  EXPECT_EQ(verdict.confidence, Confidence::likely);
  EXPECT_THAT(all_text(verdict), HasSubstr("it is one of two: " + kPayload));
  // Full at the time, and others below it have ended since.
  old.at(2).pids_current = 3;
  EXPECT_EQ(old.only().limit->cgroup, kPayload);
  EXPECT_EQ(old.only().confidence, Confidence::strong);
}

TEST(StallTest, FrozenByItselfOrFromAbove) {
  Living living;
  living.at(0).frozen = true;
  living.at(0).freeze = true;
  EXPECT_THAT(living.only().answer, HasSubstr("cgroup.freeze of its cgroup is 1"));
  EXPECT_THAT(living.only().actor->what, HasSubstr("not recorded"));
  living.evidence.frozen_by = "cgwarden";
  EXPECT_EQ(living.only().actor->what, "cgwarden");
  living.at(0).freeze = false;
  living.at(2).freeze = true;
  const auto verdict = living.only();
  EXPECT_EQ(verdict.verdict, VerdictClass::frozen);
  EXPECT_THAT(verdict.answer, HasSubstr(kSlice + " above it"));
}

TEST(StallTest, StoppedByASignalNamesItsSender) {
  Living living;
  living.evidence.main_state = 'T';
  auto verdict = living.only();
  EXPECT_EQ(verdict.verdict, VerdictClass::stopped_by_signal);
  EXPECT_THAT(verdict.answer, ::testing::Not(HasSubstr("sent")));
  SignalSent stop;
  stop.signal = SIGSTOP;
  stop.target = kMain;
  stop.sender.pid = 812;
  stop.sender.comm = "prober";
  living.evidence.signals.records = {stop};
  verdict = living.only();
  EXPECT_THAT(verdict.answer, HasSubstr("SIGSTOP by pid 812 `prober`"));
  EXPECT_EQ(verdict.actor->pid, 812);
  auto go_on = stop;
  go_on.signal = SIGCONT;
  living.evidence.signals.records.push_back(go_on);
  EXPECT_THAT(living.only().answer, ::testing::Not(HasSubstr("sent")));
  living.evidence.signals.records.pop_back();
  living.evidence.signals.records[0].signal = SIGTSTP;
  living.evidence.signals.records[0].code = SignalSent::kFromKernel;
  living.evidence.signals.records[0].group = true;
  EXPECT_THAT(living.only().answer, HasSubstr("SIGTSTP by a key of its terminal (Ctrl-Z)"));
  living.evidence.main_state = 't';  // traced
  living.nothing();
}

TEST(StallTest, AChildsOomKillIsAnEventOfOneThatLives) {
  Living living;
  living.at(0).memory_max = LimitOf<Bytes>(kLimit);
  living.at(0).after.memory_events->oom_kill = 3;
  living.at(0).after.memory_events_local->oom = 4;
  auto verdict = stalls::oom_child(living.evidence);
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->verdict, VerdictClass::oom_child);
  EXPECT_EQ(verdict->confidence, Confidence::strong);
  EXPECT_EQ(verdict->subject, Subject::child);
  EXPECT_FALSE(verdict->death);
  EXPECT_EQ(verdict->limit->cgroup, kPayload);
  living.evidence.oom_records = {Scenario::kill_of(1300)};
  verdict = stalls::oom_child(living.evidence);
  EXPECT_EQ(verdict->confidence, Confidence::proven);
  EXPECT_EQ(verdict->victim->pid, 1300);
  // Not by a record of its own main process, which lives.
  living.evidence.oom_records = {Scenario::kill_of(kMain)};
  EXPECT_FALSE(stalls::oom_child(living.evidence)->victim);
  living.at(0).after.memory_events->oom_kill = 2;
  EXPECT_FALSE(stalls::oom_child(living.evidence));
}

TEST(StallTest, OneThatIsOverIsToldAsPast) {
  Living living;
  living.at(0).frozen = true;
  EXPECT_THAT(as_past(living.only()).answer, ::testing::StartsWith("until "));
  living.at(0).after.memory_events->oom_kill = 3;
  const auto event = stalls::oom_child(living.evidence);
  EXPECT_EQ(as_past(*event).answer, event->answer);
}

}  // namespace
}  // namespace cgwarden::diagnosis
