#include "agent/subject_book.h"

#include <gmock/gmock.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "tests/diagnosis/commits.h"
#include "tests/temporary_directory.h"

namespace cgwarden::agent {
namespace {

constexpr std::uint64_t kDay = 24U * 3600U;

TimePoint at_second(std::uint64_t wall) { return {Usec{wall * 1'000'000}, Usec{wall * 1'000'000}}; }

struct Cgroup {
  std::string path;
  std::uint64_t id = 0;
  std::uint64_t throttled_usec = 0;
  std::uint64_t high = 0;
  std::uint64_t oom_kill = 0;
  std::uint64_t oom_group_kill = 0;
};

const std::string kWeb = "/system.slice/web.service";
const std::string kMine = "/user.slice/user-1000.slice/user@1000.service/app.slice/";

class SubjectBookTest : public ::testing::Test {
 protected:
  diagnosis::StoreWriter store() {
    auto opened = diagnosis::StoreWriter::open(path(), 1);
    EXPECT_TRUE(opened);
    return *std::move(opened);
  }
  std::string path() const { return directory_ + "/store.db"; }

  static std::vector<cgroup::Sample> samples_of(const std::vector<Cgroup>& cgroups) {
    std::vector<cgroup::Sample> samples;
    for (const auto& cgroup : cgroups) {
      auto& sample = samples.emplace_back();
      sample.path = cgroup.path;
      sample.id = CgroupId{cgroup.id};
      sample.cpu_stat.emplace().throttled_usec = cgroup.throttled_usec;
      sample.memory_events.emplace().high = cgroup.high;
      sample.memory_events->oom_kill = cgroup.oom_kill;
      sample.memory_events->oom_group_kill = cgroup.oom_group_kill;
    }
    return samples;
  }
  static std::size_t observe(SubjectBook& book, const std::vector<Cgroup>& cgroups,
                             std::uint64_t second = 1000, const std::vector<Cgroup>& ended = {},
                             const std::vector<Cgroup>& gone = {}) {
    const cgroup::Snapshot snapshot(at_second(second), samples_of(cgroups), 0, samples_of(gone), 1,
                                    samples_of(ended));
    identity::IdentityBook identities;
    identities.observe(snapshot, at_second(second));
    return book.observe(snapshot, *identities.table(), at_second(second));
  }
  static exporters::SubjectCounters only(const SubjectBook& book) {
    const auto all = book.all(at_second(1000));
    EXPECT_EQ(all.size(), 1U);
    return all.empty() ? exporters::SubjectCounters{} : all.front();
  }

  TemporaryDirectory temporary_;
  const std::string directory_ = temporary_.path();
};

// systemd removes the cgroup of a unit that was killed at once: the last value of its counter is
// often never read.
TEST_F(SubjectBookTest, AnOomKillThatTheKernelTellsOfCountsOnceWithItsCounter) {
  const identity::Subject web{identity::Subject::Kind::unit, "web.service"};
  SubjectBook book(7);
  identity::IdentityBook identities;
  const auto look = [&](const std::vector<Cgroup>& cgroups, std::uint64_t second) {
    const cgroup::Snapshot snapshot(at_second(second), samples_of(cgroups), 0, {}, 1, {});
    identities.observe(snapshot, at_second(second));
    book.observe(snapshot, *identities.table(), at_second(second));
    return only(book).oom_kills;
  };
  // What its cgroup had counted before this agent was told to nobody.
  EXPECT_EQ(look({{kWeb, 1, 0, 0, 2}}, 1000), 2U);
  book.oom_killed(web, at_second(1001));
  EXPECT_EQ(only(book).oom_kills, 3U);
  EXPECT_EQ(look({{kWeb, 1, 0, 0, 3}}, 1002), 3U);
  // Read first, told later.
  EXPECT_EQ(look({{kWeb, 1, 0, 0, 4}}, 1003), 4U);
  book.oom_killed(web, at_second(1003));
  EXPECT_EQ(only(book).oom_kills, 4U);
  // Its cgroup went unread; the next one has counted nothing yet.
  book.oom_killed(web, at_second(1004));
  EXPECT_EQ(look({{kWeb, 5}}, 1005), 5U);
  // A cgroup that came while the agent watched counts from its start, and is told from its start.
  EXPECT_EQ(look({{kWeb, 9, 0, 0, 1}}, 1006), 5U) << "the sixth is told within moments";
  book.oom_killed(web, at_second(1007));
  EXPECT_EQ(only(book).oom_kills, 6U);
}

TEST_F(SubjectBookTest, AnOomKillBeforeTheFirstLookCountsOnce) {
  SubjectBook book(7);
  book.oom_killed({identity::Subject::Kind::unit, "web.service"}, at_second(999));
  observe(book, {{kWeb, 1, 0, 0, 3}});
  EXPECT_EQ(only(book).oom_kills, 3U);
}

TEST_F(SubjectBookTest, AnOomKillOfOneThatWasNeverSeenCounts) {
  SubjectBook book(7);
  book.oom_killed({identity::Subject::Kind::unit, "brief.service"}, at_second(1000));
  EXPECT_EQ(only(book).oom_kills, 1U);
  EXPECT_EQ(only(book).starts, 0U);
}

// To be shown as it was before anything happened.
TEST_F(SubjectBookTest, WhatCameLaterThanTheAgentSaysWhen) {
  SubjectBook book(7);
  identity::IdentityBook identities;
  const auto look = [&](const std::vector<Cgroup>& cgroups, std::uint64_t sequence) {
    const cgroup::Snapshot snapshot(at_second(1000 + sequence), samples_of(cgroups), 0, {},
                                    sequence, {});
    identities.observe(snapshot, snapshot.taken());
    book.observe(snapshot, *identities.table(), snapshot.taken());
  };
  const auto born = [&](std::string_view name) {
    for (const auto& counters : book.all(at_second(1010))) {
      if (counters.subject.name == name) return counters.born;
    }
    ADD_FAILURE() << name;
    return std::uint64_t{0};
  };
  look({{kWeb, 1}}, 4);
  look({{kWeb, 1}, {"/system.slice/next.service", 2}}, 5);
  book.died({identity::Subject::Kind::unit, "brief.service"},
            diagnosis::VerdictClass::oom_own_limit, "", at_second(1006).boottime, at_second(1006));
  EXPECT_EQ(born("web.service"), 0U);
  EXPECT_EQ(born("next.service"), 5U);
  EXPECT_EQ(born("brief.service"), 6U);
}

TEST_F(SubjectBookTest, OneThatIsLongGoneIsAway) {
  SubjectBook book(7);
  observe(book, {{kWeb, 1}}, 1000);
  EXPECT_FALSE(book.all(at_second(1600)).front().away);
  EXPECT_TRUE(book.all(at_second(1601)).front().away);
}

TEST_F(SubjectBookTest, AddsOverTheCgroupsOfAUnit) {
  SubjectBook book(7);
  observe(book, {{kWeb, 1, 100, 2, 1}});
  observe(book, {{kWeb, 1, 150, 2, 1}});
  observe(book, {});
  EXPECT_EQ(only(book).oom_kills, 1U);  // its series goes on without a cgroup
  observe(book, {{kWeb, 5, 30, 1, 1}});
  EXPECT_EQ(only(book).subject.name, "web.service");
  EXPECT_EQ(only(book).starts, 2U);
  EXPECT_EQ(only(book).throttled_usec, 180U);
  EXPECT_EQ(only(book).memory_high_events, 3U);
  EXPECT_EQ(only(book).oom_kills, 2U);
}

TEST_F(SubjectBookTest, ACgroupOnItsWayOutAddsNothingBesideTheNewOne) {
  SubjectBook book(7);
  const std::string first = "/a.slice/web.service";
  const std::string second = "/b.slice/web.service";
  for (int tick = 0; tick < 3; ++tick)
    observe(book, {{first, 9, 100, 0, 1}, {second, 12, 10, 0, 1}});
  EXPECT_EQ(only(book).starts, 2U);
  EXPECT_EQ(only(book).throttled_usec, 110U);
  EXPECT_EQ(only(book).oom_kills, 2U);
}

TEST_F(SubjectBookTest, TheLastSecondOfACgroupCounts) {
  SubjectBook book(7);
  observe(book, {{kWeb, 1, 100, 2, 0}});
  // Restarted twice within one tick; those that ended are told in the order of their ends.
  observe(book, {{kWeb, 9, 10, 0, 0}}, 1001, {{kWeb, 5, 40, 0, 1}, {kWeb, 1, 150, 3, 1}});
  EXPECT_EQ(only(book).starts, 3U);
  EXPECT_EQ(only(book).oom_kills, 2U);
  EXPECT_EQ(only(book).throttled_usec, 200U);
  EXPECT_EQ(only(book).memory_high_events, 3U);
  // Stopped: its last values are shown for a while, and count once.
  observe(book, {}, 1002, {{kWeb, 9, 30, 0, 1}}, {{kWeb, 9, 30, 0, 1}});
  observe(book, {}, 1003, {}, {{kWeb, 9, 30, 0, 1}});
  EXPECT_EQ(only(book).starts, 3U);
  EXPECT_EQ(only(book).oom_kills, 3U);
  EXPECT_EQ(only(book).throttled_usec, 220U);
}

TEST_F(SubjectBookTest, OneThatLivesForLessThanATickCountsAStart) {
  SubjectBook book(7);
  observe(book, {}, 1000, {{kWeb, 1, 7, 0, 1}});
  EXPECT_EQ(only(book).starts, 1U);
  EXPECT_EQ(only(book).oom_kills, 1U);
  EXPECT_EQ(only(book).throttled_usec, 7U);
}

TEST_F(SubjectBookTest, WhatWentBeforeItsNameWasKnownCountsOnceItIs) {
  SubjectBook book(7);
  observe(book, {}, 1000, {}, {{kWeb, 1, 7, 0, 1}});
  EXPECT_EQ(only(book).starts, 1U);
  EXPECT_EQ(only(book).oom_kills, 1U);
}

TEST_F(SubjectBookTest, AGroupKillAfterSingleOnesIsOneMore) {
  SubjectBook book(7);
  observe(book, {{kWeb, 1, 0, 0, 5, 0}});
  observe(book, {{kWeb, 1, 0, 0, 5, 0}});
  observe(book, {{kWeb, 1, 0, 0, 9, 1}});
  EXPECT_EQ(only(book).oom_kills, 6U);
  auto opened = store();
  ASSERT_TRUE(book.save(opened, at_second(1000)));
  SubjectBook next(7);
  ASSERT_TRUE(next.load(opened));
  observe(next, {{kWeb, 1, 0, 0, 13, 2}});
  EXPECT_EQ(only(next).oom_kills, 7U);
}

TEST_F(SubjectBookTest, AStartAndAnOomKillAreToBeStoredAtOnce) {
  SubjectBook book(7);
  auto opened = store();
  EXPECT_FALSE(book.due(at_second(1000)));
  observe(book, {{kWeb, 1, 0, 0, 0}}, 1000);
  EXPECT_TRUE(book.due(at_second(1000)));
  ASSERT_TRUE(book.save(opened, at_second(1000)));
  EXPECT_FALSE(book.due(at_second(1000)));
  observe(book, {{kWeb, 1, 100, 2, 0}}, 1002);
  EXPECT_FALSE(book.due(at_second(1002)));  // nothing is lost of these: the kernel still has them
  observe(book, {{kWeb, 1, 100, 2, 1}}, 1002);
  EXPECT_TRUE(book.due(at_second(1002)));
  ASSERT_TRUE(book.save(opened, at_second(1002)));
  observe(book, {{kWeb, 1, 100, 2, 2}}, 1002);
  EXPECT_FALSE(book.due(at_second(1002)));  // once a second
  EXPECT_TRUE(book.due(at_second(1003)));
}

TEST_F(SubjectBookTest, TheNextAgentGoesOnWhereTheLastOneWas) {
  {
    SubjectBook book(7);
    auto opened = store();
    observe(book, {{kWeb, 1, 100, 2, 3}, {kMine + "z.service", 2, 5, 0, 0}});
    ASSERT_TRUE(book.save(opened, at_second(1000)));
  }
  SubjectBook next(7);
  ASSERT_TRUE(next.load(store()));
  ASSERT_EQ(next.all(at_second(1000)).size(), 2U);
  observe(next, {{kWeb, 1, 130, 2, 4}}, 1010);
  const auto web = next.all(at_second(1000)).front();
  EXPECT_EQ(web.throttled_usec, 130U);
  EXPECT_EQ(web.oom_kills, 4U);
  EXPECT_EQ(web.starts, 1U);
  EXPECT_EQ(next.all(at_second(1000)).back().subject.owner, 1000U);
  // After a reboot the same id is another cgroup, however small.
  SubjectBook rebooted(8);
  ASSERT_TRUE(rebooted.load(store()));
  observe(rebooted, {{kWeb, 1, 30, 0, 1}}, 1020);
  EXPECT_EQ(rebooted.all(at_second(1000)).front().throttled_usec, 130U);
  EXPECT_EQ(rebooted.all(at_second(1000)).front().oom_kills, 4U);
  EXPECT_EQ(rebooted.all(at_second(1000)).front().starts, 2U);
}

TEST_F(SubjectBookTest, WorkloadsAndSubjectsDoNotMeetInTheStore) {
  auto opened = store();
  SubjectBook subjects(7);
  CounterBook workloads(7);
  workloads.started("web");
  observe(subjects, {{kWeb, 1, 100, 2, 3}});
  ASSERT_TRUE(workloads.save(opened));
  ASSERT_TRUE(subjects.save(opened, at_second(1000)));
  CounterBook next_workloads(7);
  SubjectBook next_subjects(7);
  ASSERT_TRUE(next_workloads.load(opened));
  ASSERT_TRUE(next_subjects.load(opened));
  ASSERT_EQ(next_workloads.all().size(), 1U);
  EXPECT_EQ(next_workloads.all()[0].workload, "web");
  EXPECT_EQ(only(next_subjects).subject.name, "web.service");
}

TEST_F(SubjectBookTest, IsForgottenADayAfterItWasLastSeen) {
  auto opened = store();
  SubjectBook book(7);
  observe(book, {{kWeb, 1, 1, 0, 0}, {"/system.slice/other.service", 2, 1, 0, 0}}, 1000);
  ASSERT_TRUE(book.save(opened, at_second(1000)));
  observe(book, {{kWeb, 1, 1, 0, 0}}, 1000 + kDay);
  ASSERT_TRUE(book.save(opened, at_second(1000 + kDay)));
  EXPECT_EQ(book.all(at_second(1000)).size(), 2U);
  ASSERT_TRUE(book.save(opened, at_second(1001 + kDay)));
  EXPECT_EQ(only(book).subject.name, "web.service");
  // Also for the next agent, which knows when it was last seen.
  SubjectBook next(7);
  ASSERT_TRUE(next.load(opened));
  EXPECT_EQ(only(next).subject.name, "web.service");
  ASSERT_TRUE(next.save(opened, at_second(999 + 2 * kDay)));
  EXPECT_EQ(next.all(at_second(1000)).size(), 1U);
  ASSERT_TRUE(next.save(opened, at_second(1001 + 2 * kDay)));
  EXPECT_TRUE(next.all(at_second(1000)).empty());
  // What comes back begins at 0, and is stored again.
  observe(next, {{kWeb, 3, 4, 0, 0}}, 1002 + 2 * kDay);
  EXPECT_EQ(only(next).throttled_usec, 4U);
  ASSERT_TRUE(next.save(opened, at_second(1002 + 2 * kDay)));
  SubjectBook last(7);
  ASSERT_TRUE(last.load(opened));
  EXPECT_EQ(only(last).throttled_usec, 4U);
}

TEST_F(SubjectBookTest, ThereIsAMostAndUsersCannotFillIt) {
  SubjectBook book(7, {.subjects = 3, .users_subjects = 1, .seconds = kDay});
  const std::vector<Cgroup> users{{kMine + "a.service", 1, 0, 0, 0},
                                  {kMine + "b.service", 2, 0, 0, 0}};
  EXPECT_EQ(observe(book, users), 2U - 1U);
  EXPECT_EQ(observe(book, users), 0U);  // told once
  auto all = users;
  for (std::uint64_t i = 0; i < 3; ++i) {
    all.push_back({"/system.slice/s" + std::to_string(i) + ".service", 10 + i, 0, 0, 0});
  }
  EXPECT_EQ(observe(book, all), 1U);
  EXPECT_EQ(book.all(at_second(1000)).size(), 3U);
  // There is room again once one is forgotten.
  auto opened = store();
  observe(book, {}, 2000 + kDay);
  ASSERT_TRUE(book.save(opened, at_second(2000 + kDay)));
  EXPECT_TRUE(book.all(at_second(1000)).empty());
  EXPECT_EQ(observe(book, {users.back(), all.back()}, 2001 + kDay), 0U);
  EXPECT_EQ(book.all(at_second(1000)).size(), 2U);
}

TEST_F(SubjectBookTest, ANewOneTakesThePlaceOfTheOneLongestUnseen) {
  const auto service = [](const std::string& name, std::uint64_t id) {
    return Cgroup{"/system.slice/" + name + ".service", id, 1, 0, 0};
  };
  const auto names = [](const SubjectBook& book) {
    std::vector<std::string> found;
    for (const auto& counters : book.all(at_second(1000))) found.push_back(counters.subject.name);
    return found;
  };
  SubjectBook book(7, {.subjects = 3, .users_subjects = 1, .seconds = kDay});
  observe(book, {service("b", 2)}, 1000);
  observe(book, {service("a", 1)}, 1001);
  observe(book, {service("z", 3)}, 1002);
  auto opened = store();
  ASSERT_TRUE(book.save(opened, at_second(1002)));
  // z lives, and is seen after the new one.
  EXPECT_EQ(observe(book, {service("n", 4), service("z", 3)}, 1003), 0U);
  EXPECT_THAT(names(book), ::testing::ElementsAre("a.service", "n.service", "z.service"));
  // One that is only shown takes nobody's place; a user's takes the oldest as long as users' are
  // few, and then a user's only.
  EXPECT_EQ(observe(book, {}, 1004, {}, {service("b", 2)}), 0U);
  EXPECT_EQ(observe(book, {{kMine + "u.service", 5, 0, 0, 0}}, 1004), 0U);
  EXPECT_EQ(observe(book, {{kMine + "v.service", 6, 0, 0, 0}}, 1005), 0U);
  EXPECT_THAT(names(book), ::testing::ElementsAre("n.service", "v.service", "z.service"));
  EXPECT_EQ(
      observe(
          book,
          {service("n", 4), service("z", 3), service("m", 7), {kMine + "v.service", 6, 0, 0, 0}},
          1006),
      1U);
  // What made room is not in the store either.
  ASSERT_TRUE(book.save(opened, at_second(1006)));
  SubjectBook next(7);
  ASSERT_TRUE(next.load(opened));
  EXPECT_EQ(names(next), names(book));
}

TEST_F(SubjectBookTest, ASaveIsOneTransactionAndNoneWithoutAChange) {
  SubjectBook book(7);
  std::vector<Cgroup> cgroups;
  for (std::uint64_t i = 1; i <= 100; ++i) {
    cgroups.push_back({"/system.slice/s" + std::to_string(i) + ".service", i, i, 0, 0});
  }
  observe(book, cgroups);
  auto opened = store();
  const auto before = diagnosis::testing::commits_of(path());
  ASSERT_TRUE(book.save(opened, at_second(1000)));
  EXPECT_EQ(diagnosis::testing::commits_of(path()), before + 1);
  observe(book, cgroups, 1030);
  ASSERT_TRUE(book.save(opened, at_second(1030)));
  EXPECT_EQ(diagnosis::testing::commits_of(path()), before + 1);
  // All that are forgotten together, too.
  ASSERT_TRUE(book.save(opened, at_second(2000 + kDay)));
  EXPECT_EQ(diagnosis::testing::commits_of(path()), before + 2);
  SubjectBook next(7);
  ASSERT_TRUE(next.load(opened));
  EXPECT_TRUE(next.all(at_second(1000)).empty());
}

TEST_F(SubjectBookTest, DeathsAndRestartsGoOnWithTheNextAgent) {
  const identity::Subject web{.kind = identity::Subject::Kind::unit, .name = "web.service"};
  auto store_of_both = store();
  {
    SubjectBook book(7);
    observe(book, {{kWeb, 1}});
    book.died(web, diagnosis::VerdictClass::exited, kWeb, at_second(1001).boottime,
              at_second(1001));
    book.restarted(web, "exit-code", at_second(1001));
    book.restarted(web, "a-word-of-later", at_second(1001));
    EXPECT_TRUE(book.due(at_second(1002)));
    ASSERT_TRUE(book.save(store_of_both, at_second(1002)));
  }
  SubjectBook next(8);
  ASSERT_TRUE(next.load(store_of_both));
  next.died(web, diagnosis::VerdictClass::exited, kWeb, at_second(1003).boottime, at_second(1003));
  const auto counters = only(next);
  EXPECT_EQ(counters.deaths.at(static_cast<std::size_t>(diagnosis::VerdictClass::exited)), 2U);
  EXPECT_EQ(counters.deaths.at(static_cast<std::size_t>(diagnosis::VerdictClass::unknown)), 0U);
  EXPECT_EQ(counters.restarts.at(1), 1U);   // exit-code
  EXPECT_EQ(counters.restarts.back(), 1U);  // other
  EXPECT_EQ(counters.starts, 1U);
}

TEST_F(SubjectBookTest, RunsAreCountedOnOverAgentsAndBoots) {
  const identity::Subject web{.kind = identity::Subject::Kind::unit, .name = "web.service"};
  const auto now = at_second(1000);
  auto disk = store();
  SubjectBook book(7);
  EXPECT_EQ(book.run_of(web, CgroupId{5}, Usec{100}, now), 1U);
  EXPECT_EQ(book.run_of(web, CgroupId{5}, Usec{100}, now), 1U);
  EXPECT_EQ(book.run_of(web, CgroupId{6}, Usec{200}, now), 2U);
  ASSERT_TRUE(book.save(disk, now));
  SubjectBook next(7);
  ASSERT_TRUE(next.load(disk));
  EXPECT_EQ(next.run_of(web, CgroupId{6}, Usec{200}, now), 2U);  // it goes on
  // Its cgroup stayed, and systemd started it anew.
  EXPECT_EQ(next.run_of(web, CgroupId{6}, Usec{300}, now), 3U);
  ASSERT_TRUE(next.save(disk, now));
  SubjectBook rebooted(8);
  ASSERT_TRUE(rebooted.load(disk));
  EXPECT_EQ(rebooted.run_of(web, CgroupId{6}, Usec{300}, now), 4U);
  // Forgotten with the rest of it.
  ASSERT_TRUE(rebooted.save(disk, at_second(1000 + 2 * kDay)));
  EXPECT_EQ(rebooted.run_of(web, CgroupId{9}, Usec{1}, at_second(1000 + 2 * kDay)), 1U);
}

// A container whose cgroups, 1 to 9, come one after the other.
class ContainerRestartTest : public SubjectBookTest {
 protected:
  ContainerRestartTest() {
    identity::Table::Map known;
    for (std::uint64_t id = 1; id < 10; ++id) {
      auto one = std::make_shared<identity::Known>();
      one->subject = box_;
      known[id] = one;
    }
    table_.emplace(known);
  }
  static std::string path_of(std::uint64_t cgroup) {
    return "/system.slice/docker-" + std::string(63, 'a') + std::to_string(cgroup) + ".scope";
  }
  void look(SubjectBook& book, std::uint64_t cgroup, std::uint64_t second) {
    const cgroup::Snapshot snapshot(at_second(second), samples_of({{path_of(cgroup), cgroup}}));
    book.observe(snapshot, *table_, at_second(second));
  }
  void die(SubjectBook& book, std::uint64_t cgroup, diagnosis::VerdictClass verdict,
           std::uint64_t second, std::uint64_t told) {
    book.died(box_, verdict, path_of(cgroup), at_second(second).boottime, at_second(told));
  }
  // By reason: exit, signal, oom, unknown.
  using Restarts = std::array<std::uint64_t, 4>;
  const identity::Subject box_{.kind = identity::Subject::Kind::container, .name = "box"};
  std::optional<identity::Table> table_;
};

TEST_F(ContainerRestartTest, IsCountedByHowTheRunBeforeEnded) {
  using diagnosis::VerdictClass;
  SubjectBook book(7);
  look(book, 1, 1000);
  look(book, 1, 1001);
  die(book, 1, VerdictClass::oom_own_limit, 1001, 1001);
  look(book, 2, 1002);
  EXPECT_EQ(only(book).container_restarts, (Restarts{0, 0, 1, 0}));
  EXPECT_EQ(only(book).starts, 2U);
  // The verdict of the next one comes after the cgroup that follows it.
  look(book, 3, 1004);
  EXPECT_EQ(only(book).container_restarts, (Restarts{0, 0, 1, 0}));
  die(book, 2, VerdictClass::exited, 1003, 1005);
  EXPECT_EQ(only(book).container_restarts, (Restarts{1, 0, 1, 0}));
  die(book, 3, VerdictClass::killed_by_user, 1006, 1006);
  look(book, 4, 1007);
  EXPECT_EQ(only(book).container_restarts, (Restarts{1, 1, 1, 0}));
}

TEST_F(ContainerRestartTest, IsUnknownWhereNoVerdictTells) {
  using diagnosis::VerdictClass;
  SubjectBook book(7);
  look(book, 1, 1000);
  look(book, 2, 1001);
  look(book, 2, 1016);
  EXPECT_EQ(only(book).container_restarts, (Restarts{0, 0, 0, 0}));
  look(book, 2, 1017);
  EXPECT_EQ(only(book).container_restarts, (Restarts{0, 0, 0, 1}));
  // Too late, and not of the run that ends next.
  die(book, 1, VerdictClass::oom_own_limit, 1000, 1018);
  die(book, 2, VerdictClass::unknown, 1019, 1019);
  look(book, 3, 1020);
  EXPECT_EQ(only(book).container_restarts, (Restarts{0, 0, 0, 2}));
}

// Its end is stamped a moment after the tick that showed its next cgroup.
TEST_F(ContainerRestartTest, AnEndToldLaterInTheSameTickIsOfTheRunBefore) {
  using diagnosis::VerdictClass;
  SubjectBook book(7);
  look(book, 1, 1000);
  look(book, 2, 1001);
  die(book, 1, VerdictClass::unknown, 1002, 1006);
  EXPECT_EQ(only(book).container_restarts, (Restarts{0, 0, 0, 1}));
  look(book, 3, 1008);
  die(book, 2, VerdictClass::oom_own_limit, 1009, 1010);
  EXPECT_EQ(only(book).container_restarts, (Restarts{0, 0, 1, 1}));
}

TEST_F(ContainerRestartTest, GoesOnWithTheNextAgent) {
  using diagnosis::VerdictClass;
  auto disk = store();
  {
    SubjectBook book(7);
    look(book, 1, 1000);
    die(book, 1, VerdictClass::oom_global, 1001, 1001);
    look(book, 2, 1002);
    ASSERT_TRUE(book.save(disk, at_second(1002)));
  }
  SubjectBook next(7);
  ASSERT_TRUE(next.load(disk));
  // It died while no agent ran.
  look(next, 3, 1010);
  look(next, 3, 1030);
  EXPECT_EQ(only(next).container_restarts, (Restarts{0, 0, 1, 1}));
}

}  // namespace
}  // namespace cgwarden::agent
