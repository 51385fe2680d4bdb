#include "diagnosis/oom_ledger.h"

#include <gmock/gmock.h>

#include <array>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace cgwarden::diagnosis {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr Usec kSecond{1'000'000};
constexpr CgroupId kSliceId{10};

// What the kernel says, in the order in which it says it.
class Ledger : public ::testing::Test {
 protected:
  Ledger() { ledger_.baseline({slice(0, 0)}); }

  static SliceCounts slice(std::uint64_t kills, std::uint64_t groups) {
    return {.id = kSliceId, .path = "/s", .oom_kill = kills, .oom_group_kill = groups};
  }
  void signal(pid_t task, pid_t victim) {
    ledger_.feed(cgroup::KernelKill{.boottime = now_, .task = task, .victim = victim});
  }
  void mark(pid_t task, pid_t victim, const std::string& cgroup = "", bool group = false) {
    ledger_.feed(cgroup::OomMark{.boottime = now_,
                                 .task = task,
                                 .victim = victim,
                                 .comm = "p" + std::to_string(victim),
                                 .uid = 0,
                                 .rss = Bytes{4096}},
                 cgroup, group);
  }
  void kill(pid_t task, pid_t victim, const std::string& cgroup = "", bool group = false) {
    signal(task, victim);
    mark(task, victim, cgroup, group);
  }
  void emptied(pid_t task, const std::string& path) {
    ledger_.feed(cgroup::CgroupEmptied{
        .boottime = now_, .task = task, .id = CgroupId{99}, .level = 2, .path = path});
  }
  // All incidents of the next ten seconds.
  std::vector<OomIncident> later(std::uint64_t kills, std::uint64_t groups) {
    std::vector<OomIncident> all;
    for (int half = 0; half < 20; ++half) {
      now_ += kSecond / 2;
      ledger_.reconcile({slice(kills, groups)}, now_);
      for (auto& incident : ledger_.take(now_)) all.push_back(std::move(incident));
    }
    return all;
  }

  OomLedger ledger_;
  Usec now_ = 100 * kSecond;
};

auto in(const std::string& cgroup, std::size_t victims) {
  return ::testing::AllOf(Field("attributed", &OomIncident::attributed, true),
                          Field("cgroup", &OomIncident::cgroup, cgroup),
                          Field("victims", &OomIncident::victims, SizeIs(victims)));
}

auto under(const std::string& cgroup, std::size_t victims) {
  return ::testing::AllOf(Field("attributed", &OomIncident::attributed, false),
                          Field("cgroup", &OomIncident::cgroup, cgroup),
                          Field("victims", &OomIncident::victims, SizeIs(victims)));
}

TEST_F(Ledger, AKillWhoseProcessCouldStillBeRead) {
  kill(5, 5, "/s/a");
  const auto told = later(1, 0);
  ASSERT_THAT(told, ElementsAre(in("/s/a", 1)));
  EXPECT_EQ(told[0].boottime, 100 * kSecond);
  EXPECT_EQ(told[0].victims[0].pid, 5);
  EXPECT_EQ(told[0].victims[0].comm, "p5");
  EXPECT_EQ(told[0].victims[0].rss, Bytes{4096});
}

TEST_F(Ledger, AKillWhoseCgroupIsGoneIsFoundByItsEmptying) {
  kill(5, 5);
  emptied(5, "/s/a");
  emptied(5, "/s");
  EXPECT_THAT(later(1, 0), ElementsAre(in("/s/a", 1)));
}

TEST_F(Ledger, TheEmptyingByAnotherTaskSaysNothing) {
  kill(5, 5);
  emptied(6, "/s/b");
  EXPECT_THAT(later(1, 0), ElementsAre(under("/s", 1)));
}

TEST_F(Ledger, APidMayBeAnothersLater) {
  kill(5, 5);
  now_ += OomLedger::kPatience + kSecond;
  emptied(5, "/s/b");
  EXPECT_THAT(later(1, 0), ElementsAre(under("/s", 1)));
}

TEST_F(Ledger, AGroupIsOneIncident) {
  kill(5, 5, "/s/a");
  signal(5, 5);  // the walk comes to it again
  kill(5, 6);
  kill(5, 7, "/s/a");
  EXPECT_THAT(later(4, 1), ElementsAre(in("/s/a", 3)));
}

TEST_F(Ledger, AGroupKilledForATaskOutsideOfIt) {
  kill(9, 6, "/s/a/x");
  kill(9, 5, "/s/a/y");
  signal(9, 6);
  kill(9, 7, "/s/a/y");
  EXPECT_THAT(later(4, 1), ElementsAre(in("/s/a", 3)));
}

TEST_F(Ledger, AGroupWhoseFirstVictimWasGoneWhenTheWalkCame) {
  kill(9, 5, "/s/a");
  kill(9, 6, "/s/a");
  EXPECT_THAT(later(2, 1), ElementsAre(in("/s/a", 2)));
}

TEST_F(Ledger, TwoKillsForOneTaskAreTwoWhenNoGroupKillWasCounted) {
  kill(9, 5, "/s/a");
  kill(9, 6, "/s/b");
  EXPECT_THAT(later(2, 0), ElementsAre(in("/s/a", 1), in("/s/b", 1)));
}

TEST_F(Ledger, KillsForTwoTasksAreTwo) {
  kill(5, 5, "/s/a");
  kill(6, 6, "/s/a");
  EXPECT_THAT(later(2, 0), ElementsAre(in("/s/a", 1), in("/s/a", 1)));
}

TEST_F(Ledger, ATaskThatWasDyingAnywayIsNoKill) {
  mark(5, 5, "/s/a");
  EXPECT_THAT(later(0, 0), IsEmpty());
}

TEST_F(Ledger, SignalsOfAnotherMakingAreNoKill) {
  signal(5, 6);  // an init of a pid namespace that ends
  signal(5, 7);
  EXPECT_THAT(later(0, 0), IsEmpty());
}

TEST_F(Ledger, AKillNobodySawIsUnattributedUnderItsSlice) {
  EXPECT_THAT(later(2, 0), ElementsAre(under("/s", 0), under("/s", 0)));
  EXPECT_THAT(later(2, 0), IsEmpty());
}

TEST_F(Ledger, AKillThatOnlyCountersTellIsInTheCgroupThatCountedIt) {
  ledger_.feed({.boottime = now_, .cgroup = "/s/web", .incidents = 1});
  ledger_.feed({.boottime = now_, .cgroup = "/other/web", .incidents = 1});
  EXPECT_THAT(later(2, 0), ElementsAre(in("/s/web", 0), under("/s", 0)));
  EXPECT_THAT(later(2, 0), IsEmpty());
}

TEST_F(Ledger, APlaceIsNotKeptForALaterKill) {
  ledger_.feed({.boottime = now_, .cgroup = "/s/web", .incidents = 1});
  EXPECT_THAT(later(0, 0), IsEmpty());
  EXPECT_THAT(later(1, 0), ElementsAre(under("/s", 0)));
}

TEST_F(Ledger, AGroupKillNobodySawIsOne) { EXPECT_THAT(later(4, 1), ElementsAre(under("/s", 0))); }

TEST_F(Ledger, WhatWasCountedBeforeIsNotReported) {
  ledger_.baseline({slice(7, 2)});
  EXPECT_THAT(later(7, 2), IsEmpty());
  kill(5, 5, "/s/a");
  EXPECT_THAT(later(8, 2), ElementsAre(in("/s/a", 1)));
}

TEST_F(Ledger, ASliceThatCameLaterCountsFromZero) {
  std::vector<OomIncident> all;
  for (int second = 0; second < 10; ++second) {
    now_ += kSecond;
    ledger_.reconcile({slice(0, 0), {CgroupId{11}, "/new", 1, 0}}, now_);
    for (auto& incident : ledger_.take(now_)) all.push_back(std::move(incident));
  }
  EXPECT_THAT(all, ElementsAre(under("/new", 0)));
}

TEST_F(Ledger, ASliceThatComesBackIsNotCountedAgain) {
  kill(5, 5, "/s/a");
  EXPECT_THAT(later(1, 0), ElementsAre(in("/s/a", 1)));
  ledger_.reconcile({}, now_);
  EXPECT_THAT(later(1, 0), IsEmpty());
}

TEST_F(Ledger, AKillIsNotToldBeforeItsGroupCanBeComplete) {
  kill(5, 5, "/s/a");
  EXPECT_THAT(ledger_.take(now_), IsEmpty());
  now_ += OomLedger::kSettled;
  EXPECT_THAT(ledger_.take(now_), SizeIs(1));
  EXPECT_THAT(ledger_.take(now_), IsEmpty());
}

// A history of OOM kills, and all that the kernel and /proc say of it, any of which may be lost.
struct Truth {
  std::string cgroup;
  std::vector<pid_t> victims;
};

class Storm {
 public:
  Storm(unsigned seed, double loss) : random_(seed), loss_(loss) {
    ledger_.baseline({{CgroupId{1}, "/s0", 0, 0}, {CgroupId{2}, "/s1", 0, 0}});
  }

  void run() {
    for (int at = 0; at < 60; ++at) {
      const bool group = chance(0.4);
      kill(group, group ? 1 + random_() % 3 : 1);
      if (chance(0.2)) dying();
      now_ += Usec{random_() % 900'000};
      if (chance(0.5)) look();
    }
    for (int half = 0; half < 30; ++half) {
      now_ += kSecond / 2;
      look();
    }
  }
  const std::vector<Truth>& truth() const { return truth_; }
  const std::vector<OomIncident>& told() const { return told_; }

 private:
  bool chance(double part) { return std::uniform_real_distribution<>(0, 1)(random_) < part; }
  bool lost() { return chance(loss_); }

  void kill(bool group, std::size_t count) {
    const std::size_t slice = random_() % 2;
    Truth truth{"/s" + std::to_string(slice) + "/c" + std::to_string(next_pid_), {}};
    for (std::size_t at = 0; at < count; ++at) truth.victims.push_back(next_pid_++);
    // Mostly the victim itself wanted the memory, else a task that lives on.
    const pid_t task = chance(0.7) ? truth.victims.front() : static_cast<pid_t>(1 + random_() % 2);
    for (std::size_t at = 0; at < count; ++at) {
      const pid_t victim = truth.victims[at];
      if (!lost()) ledger_.feed(cgroup::KernelKill{now_, task, victim});
      ++kills_[slice];
      if (!lost()) {
        const bool read = !lost();
        ledger_.feed(cgroup::OomMark{now_, task, victim, "p", 0, Bytes{1}},
                     read ? truth.cgroup : "", read && group);
      }
      if (group && at == 0) {
        ++groups_[slice];
        if (chance(0.8)) {  // it may have no memory any more
          ++kills_[slice];
          if (!lost()) ledger_.feed(cgroup::KernelKill{now_, task, victim});
        }
      }
    }
    if (!lost()) {
      const pid_t last = truth.victims[random_() % count];
      ledger_.feed(cgroup::CgroupEmptied{now_, last, CgroupId{7}, 2, truth.cgroup});
    }
    // Others' cgroups empty all the time.
    ledger_.feed(cgroup::CgroupEmptied{now_, 3, CgroupId{8}, 2, "/s0/other"});
    truth_.push_back(std::move(truth));
    now_ += OomLedger::kSettled / 8;
  }

  void dying() {
    ledger_.feed(cgroup::OomMark{now_, next_pid_, next_pid_, "d", 0, Bytes{1}}, "/s0/d", false);
    ++next_pid_;
  }

  void look() {
    std::vector<SliceCounts> slices;
    for (std::size_t at = 0; at < 2; ++at) {
      if (lost()) continue;
      slices.push_back(
          {CgroupId{at + 1}, "/s" + std::to_string(at), kills_.at(at), groups_.at(at)});
    }
    if (!lost()) ledger_.reconcile(slices, now_);
    for (auto& incident : ledger_.take(now_)) told_.push_back(std::move(incident));
  }

  std::mt19937 random_;
  double loss_;
  OomLedger ledger_;
  Usec now_ = 100 * kSecond;
  pid_t next_pid_ = 1000;
  std::array<std::uint64_t, 2> kills_{};
  std::array<std::uint64_t, 2> groups_{};
  std::vector<Truth> truth_;
  std::vector<OomIncident> told_;
};

// No victim twice, none that was not killed, none in another cgroup.
void expect_honest(const Storm& storm) {
  std::map<pid_t, std::string> cgroup_of;
  for (const auto& truth : storm.truth()) {
    for (const pid_t pid : truth.victims) cgroup_of[pid] = truth.cgroup;
  }
  for (const auto& incident : storm.told()) {
    for (const auto& victim : incident.victims) {
      const auto found = cgroup_of.find(victim.pid);
      ASSERT_NE(found, cgroup_of.end()) << victim.pid << " was told twice, or not killed";
      if (!victim.cgroup.empty()) {
        EXPECT_EQ(victim.cgroup, found->second);
        // The common cgroup of what may be several.
        EXPECT_TRUE(incident.cgroup == "/" || found->second.starts_with(incident.cgroup));
      }
      if (incident.attributed && incident.victims.size() == 1) {
        EXPECT_EQ(incident.cgroup, found->second);
      }
      cgroup_of.erase(found);
    }
  }
  EXPECT_LE(storm.told().size(), storm.truth().size());
}

TEST(OomLedgerProperty, NeverDoubleNeverAWrongCgroupWhateverIsLost) {
  for (const double loss : {0.01, 0.1, 0.3, 0.5, 0.8}) {
    for (unsigned seed = 0; seed < 200; ++seed) {
      SCOPED_TRACE(::testing::Message() << "seed " << seed << ", loss " << loss);
      Storm storm(seed, loss);
      storm.run();
      expect_honest(storm);
      if (::testing::Test::HasFailure()) return;
    }
  }
}

TEST(OomLedgerProperty, EveryVictimIsToldWhenNothingIsLost) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    Storm storm(seed, 0);
    storm.run();
    expect_honest(storm);
    std::size_t killed = 0;
    std::size_t told = 0;
    for (const auto& truth : storm.truth()) killed += truth.victims.size();
    for (const auto& incident : storm.told()) {
      EXPECT_TRUE(incident.attributed);
      told += incident.victims.size();
    }
    EXPECT_EQ(told, killed);
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace cgwarden::diagnosis
