#include "identity/identity_book.h"

#include <gmock/gmock.h>

#include "tests/identity/ids.h"

namespace cgwarden::identity {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

const Question kContainer{Question::What::container, kId, {}};

cgroup::Snapshot snapshot(const std::vector<std::pair<std::uint64_t, std::string>>& cgroups) {
  std::vector<cgroup::Sample> samples;
  for (const auto& [id, path] : cgroups) {
    samples.emplace_back();
    samples.back().id = CgroupId{id};
    samples.back().path = path;
  }
  return {TimePoint{}, std::move(samples)};
}

TimePoint at(std::uint64_t seconds) {
  return {Usec{seconds * 1'000'000}, Usec{seconds * 1'000'000}};
}

TEST(IdentityBook, ThePathIsKnownAtOnce) {
  IdentityBook book;
  book.observe(snapshot({{1, "/"}, {2, "/system.slice/ssh.service"}}), at(1));
  const auto table = book.table();
  EXPECT_EQ(table->find(CgroupId{2})->identity.unit, "ssh.service");
  EXPECT_EQ(table->find(CgroupId{2})->appeared, std::nullopt);
  EXPECT_EQ(table->find(CgroupId{3}), nullptr);
  EXPECT_THAT(book.questions(at(1)), IsEmpty());
  // Nothing changed, nothing is made anew.
  book.observe(snapshot({{1, "/"}, {2, "/system.slice/ssh.service"}}), at(2));
  EXPECT_EQ(book.table(), table);
  // The same path, another cgroup.
  book.observe(snapshot({{1, "/"}, {3, "/system.slice/ssh.service"}}), at(3));
  EXPECT_EQ(book.table()->find(CgroupId{2}), nullptr);
  EXPECT_EQ(book.table()->find(CgroupId{3})->appeared, at(3).wall);
  EXPECT_EQ(table->find(CgroupId{2})->identity.unit, "ssh.service");
}

TEST(IdentityBook, AnAnswerNamesTheContainerAndWhatIsInIt) {
  IdentityBook book;
  book.observe(snapshot({{1, "/docker/" + kId}, {2, "/docker/" + kId + "/child"}}), at(1));
  EXPECT_THAT(book.questions(at(1)), ElementsAre(kContainer));
  EXPECT_THAT(book.questions(at(1)), IsEmpty());  // it was given out
  book.answer(kContainer, Names{.container = "web", .image = "nginx"}, at(1));
  const auto table = book.table();
  EXPECT_EQ(table->find(CgroupId{1})->identity.container, "web");
  EXPECT_EQ(table->find(CgroupId{2})->identity.image, "nginx");
  EXPECT_EQ(table->find(CgroupId{2})->identity.kind, Kind::group);
  EXPECT_THAT(book.questions(at(100)), IsEmpty());
  // Another cgroup of it, after the first one is gone, has the name without a question.
  book.observe(snapshot({}), at(2));
  EXPECT_EQ(book.table()->size(), 0U);
  book.observe(snapshot({{3, "/docker/" + kId}}), at(3));
  EXPECT_THAT(book.questions(at(3)), IsEmpty());
  EXPECT_EQ(book.table()->find(CgroupId{3})->identity.container, "web");
}

TEST(IdentityBook, OneThatEndedIsKnownAsLongAsItIsShown) {
  IdentityBook book;
  const auto with = [](std::vector<cgroup::Sample> gone, std::vector<cgroup::Sample> ended) {
    return cgroup::Snapshot(TimePoint{}, {}, 0, std::move(gone), 1, std::move(ended));
  };
  const auto sample = [](std::uint64_t id, std::string path) {
    cgroup::Sample made;
    made.id = CgroupId{id};
    made.path = std::move(path);
    return made;
  };
  const auto container = sample(1, "/docker/" + kId);
  book.observe(snapshot({{1, container.path}}), at(1));
  EXPECT_THAT(book.questions(at(1)), SizeIs(1));
  book.answer(kContainer, Names{.container = "web"}, at(1));
  // One came and went in between.
  book.observe(with({container}, {container, sample(2, "/system.slice/a.service")}), at(2));
  ASSERT_NE(book.table()->find(CgroupId{1}), nullptr);
  EXPECT_EQ(book.table()->find(CgroupId{1})->identity.container, "web");
  ASSERT_NE(book.table()->find(CgroupId{2}), nullptr);
  EXPECT_EQ(book.table()->find(CgroupId{2})->identity.unit, "a.service");
  EXPECT_EQ(book.table()->find(CgroupId{2})->appeared, at(2).wall);
  book.observe(with({container}, {}), at(3));
  EXPECT_NE(book.table()->find(CgroupId{1}), nullptr);
  EXPECT_EQ(book.table()->find(CgroupId{2}), nullptr);
  book.observe(snapshot({}), at(4));
  EXPECT_EQ(book.table()->size(), 0U);
}

TEST(IdentityBook, WhatIsNotThereYetIsAskedAgainAndNotForEver) {
  IdentityBook book;
  const auto cgroups = snapshot({{1, "/docker/" + kId}});
  book.observe(cgroups, at(10));
  std::vector<std::uint64_t> asked;
  for (std::uint64_t second = 10; second < 100; ++second) {
    book.observe(cgroups, at(second));
    for (const Question& question : book.questions(at(second))) {
      asked.push_back(second);
      book.answer(question, std::nullopt, at(second));
    }
    EXPECT_EQ(book.table()->find(CgroupId{1})->identity.container, "");
  }
  EXPECT_THAT(asked, ElementsAre(10, 11, 16, 46));
  // A restart of the container makes another cgroup: worth a new question.
  book.observe(snapshot({{2, "/docker/" + kId}}), at(100));
  EXPECT_THAT(book.questions(at(100)), SizeIs(1));
}

TEST(IdentityBook, RemembersTheNewestOnly) {
  IdentityBook book(2);
  const auto path = [](char digit) { return "/docker/" + std::string(64, digit); };
  const auto see = [&](char digit, bool known) {
    book.observe(snapshot({{1000U + static_cast<unsigned char>(digit), path(digit)}}), at(1));
    const auto questions = book.questions(at(1));
    EXPECT_EQ(questions.empty(), known) << digit;
    for (const auto& question : questions) book.answer(question, Names{.container = "x"}, at(1));
    book.observe(snapshot({}), at(1));
  };
  see('a', false);
  see('b', false);
  see('a', true);
  see('c', false);  // b is the one that was not used
  see('a', true);
  see('b', false);
}

TEST(IdentityBook, AnAnswerNobodyWaitsForIsNoFault) {
  IdentityBook book;
  book.answer(kContainer, Names{.container = "x"}, at(1));
  book.observe(snapshot({{1, "/docker/" + kId}}), at(1));
  EXPECT_THAT(book.questions(at(1)), ElementsAre(kContainer));
  book.observe(snapshot({}), at(2));
  book.answer(kContainer, Names{.container = "x"}, at(2));
  EXPECT_EQ(book.table()->size(), 0U);
}

TEST(IdentityBook, GivesOutAtMostSoMany) {
  IdentityBook book;
  std::vector<std::pair<std::uint64_t, std::string>> cgroups;
  for (unsigned i = 0; i < 10; ++i) cgroups.emplace_back(i, "/kubepods/pod" + std::to_string(i));
  book.observe(snapshot(cgroups), at(1));
  EXPECT_THAT(book.questions(at(1), 7), SizeIs(7));
  EXPECT_THAT(book.questions(at(1), 7), SizeIs(3));
}

TEST(IdentityBook, ThoseThatWentWereLastSeenInTheSnapshotBefore) {
  IdentityBook book;
  const auto sample = [](std::uint64_t id) {
    cgroup::Sample made;
    made.id = CgroupId{id};
    made.path = "/" + std::to_string(id);
    return made;
  };
  book.observe(snapshot({{1, "/1"}, {2, "/2"}}), at(10));
  for (const std::uint64_t second : {11, 12}) {
    // 3 came and went between two snapshots.
    book.observe({TimePoint{}, {sample(1)}, 0, {sample(2), sample(3)}, 2}, at(second));
    const auto table = book.table();
    EXPECT_EQ(table->find(CgroupId{1})->last_seen, std::nullopt);
    EXPECT_EQ(table->find(CgroupId{2})->last_seen, at(10).wall);
    EXPECT_EQ(table->find(CgroupId{3})->last_seen, at(11).wall);
  }
}

TEST(IdentityBook, WhatCannotBeLookedUpNowIsAskedAgainForEver) {
  IdentityBook book;
  const auto cgroups = snapshot({{1, "/docker/" + kId}});
  std::vector<std::uint64_t> asked;
  for (std::uint64_t second = 10; second < 200; ++second) {
    book.observe(cgroups, at(second));
    for (const Question& question : book.questions(at(second))) {
      asked.push_back(second);
      book.postpone(question, at(second));
    }
  }
  EXPECT_THAT(asked, ElementsAre(10, 40, 70, 100, 130, 160, 190));
}

}  // namespace
}  // namespace cgwarden::identity
