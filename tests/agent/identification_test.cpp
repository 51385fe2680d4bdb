#include "agent/identification.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "base/file.h"
#include "base/limits.h"
#include "tests/temporary_directory.h"

namespace cgwarden::agent {
namespace {

const std::string kContainerId(64, 'a');

class IdentificationTest : public ::testing::Test {
 protected:
  IdentificationTest() : identification_(root_) {
    cgroup::Sample sample;
    sample.id = CgroupId{7};
    sample.path = "/docker/" + kContainerId;
    snapshot_ = {TimePoint{}, {sample}};
  }

  void write_config(const std::string& text) {
    const std::string directory = root_ + "/var/lib/docker/containers/" + kContainerId;
    std::filesystem::create_directories(directory);
    // As docker does: the thread must not find half of it.
    ASSERT_TRUE(write_file_atomically(directory + "/config.v2.json", text));
  }
  // One tick; each a second after the one before.
  std::size_t tick() {
    now_.boottime += Usec{1'000'000};
    return identification_.observe(snapshot_, now_);
  }
  const identity::Identity& shown() {
    exporters::View view;
    identification_.show_in(view);
    table_ = view.identities;
    return table_->find(CgroupId{7})->identity;
  }
  // The answers come from a thread.
  template <typename Condition>
  bool until(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (std::chrono::steady_clock::now() < deadline) {
      if (condition()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return false;
  }

  TemporaryDirectory temporary_;
  const std::string root_ = temporary_.path();
  Identification identification_;
  cgroup::Snapshot snapshot_;
  TimePoint now_;
  std::shared_ptr<const identity::Table> table_;
};

TEST_F(IdentificationTest, ANameThatComesLateIsShown) {
  EXPECT_EQ(tick(), 0U);
  EXPECT_EQ(shown().container_id, kContainerId);
  EXPECT_EQ(shown().container, "");
  write_config(R"({"Name":"/web","Config":{"Image":"nginx"}})");
  EXPECT_TRUE(until([&] {
    EXPECT_EQ(tick(), 0U);
    return shown().container == "web";
  }));
  EXPECT_EQ(shown().image, "nginx");
}

TEST_F(IdentificationTest, ADamagedFileIsCounted) {
  write_config("{");
  EXPECT_TRUE(until([&] { return tick() > 0; }));
  EXPECT_EQ(shown().container, "");
}

TEST_F(IdentificationTest, NobodyWaitsForAnAnswerAtTheEnd) {
  write_config(R"({"Name":"/web"})");
  tick();
}

using identity::Question;

// Asks, and takes until so many answers are there.
class NameLookupTest : public ::testing::Test {
 protected:
  std::vector<NameLookup::Answer> take(NameLookup& lookup, std::size_t count, Usec now = Usec{0}) {
    std::vector<NameLookup::Answer> answers;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (answers.size() < count && std::chrono::steady_clock::now() < deadline) {
      for (auto& answer : lookup.take(now)) answers.push_back(std::move(answer));
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return answers;
  }
  static Question of_user(std::uint32_t uid) {
    return {Question::What::container, kContainerId, uid};
  }
};

TEST_F(NameLookupTest, AnswersEveryQuestionOnce) {
  NameLookup lookup(*identity::HostNames::open("/"));
  const Question question{Question::What::user, "no such user", {}};
  lookup.ask({}, Usec{0});
  EXPECT_TRUE(lookup.take(Usec{0}).empty());
  lookup.ask({question, question}, Usec{0});
  const auto answers = take(lookup, 2);
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers.front().question, question);
  EXPECT_TRUE(answers.front().names && !*answers.front().names);
  EXPECT_TRUE(lookup.take(Usec{0}).empty());
}

// Homes of the users from 2000 on hang until the end.
class HangingHomes : public NameLookupTest {
 protected:
  ~HangingHomes() override { end(); }
  void end() {
    homes_->answer.store(true);
    homes_->answer.notify_all();
  }

  // Threads that are left behind have it longer than the test.
  struct Homes {
    std::atomic<bool> asked = false;
    std::atomic<bool> answer = false;
  };
  std::shared_ptr<Homes> homes_ = std::make_shared<Homes>();
  NameLookup lookup_{[homes = homes_]() -> NameLookup::LookUp {
    return [homes](const Question& question) -> NameLookup::Names {
      if (question.owner >= 2000U) {
        homes->asked.store(true);
        homes->answer.wait(false);
      }
      identity::Names names;
      names.container = "web";
      return names;
    };
  }};
};

TEST_F(HangingHomes, KeepTheNamesOfOthersNotBack) {
  lookup_.ask({of_user(2000), of_user(1000), {Question::What::container, kContainerId, {}}},
              Usec{0});
  const auto answers = take(lookup_, 2);
  ASSERT_EQ(answers.size(), 2U);
  for (const auto& answer : answers) EXPECT_TRUE(answer.names && *answer.names);
  EXPECT_EQ(lookup_.hanging(), 0U);
}

TEST_F(HangingHomes, AreGivenUpAndAnswerWhenTheyCan) {
  lookup_.ask({of_user(2000), of_user(2000)}, Usec{0});
  const Usec late{limits::kNameSeconds * 1'000'000};
  EXPECT_TRUE(lookup_.take(late - Usec{1}).empty());
  auto answers = take(lookup_, 2, late);
  ASSERT_EQ(answers.size(), 2U);
  for (const auto& answer : answers) {
    ASSERT_FALSE(answer.names);
    EXPECT_EQ(answer.names.error().kind, ErrorKind::busy);
  }
}

TEST_F(HangingHomes, AreCountedWhileTheyHang) {
  lookup_.ask({of_user(2000)}, Usec{0});
  while (!homes_->asked.load()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const Usec late{limits::kNameSeconds * 1'000'000};
  ASSERT_EQ(lookup_.take(late).size(), 1U);
  EXPECT_EQ(lookup_.hanging(), 1U);
  lookup_.ask({of_user(2000)}, late);
  EXPECT_EQ(lookup_.take(late).size(), 1U);
  end();
  const auto answers = take(lookup_, 1, late);
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_TRUE(answers.front().names && *answers.front().names);
  EXPECT_EQ(lookup_.hanging(), 0U);
}

TEST_F(HangingHomes, AreAnsweredForWhenTheyHaveAllThreads) {
  std::vector<Question> questions;
  for (std::uint32_t uid = 2000; uid < 2000 + 3 * limits::kNameThreads; ++uid) {
    questions.push_back(of_user(uid));
  }
  lookup_.ask(questions, Usec{0});
  EXPECT_EQ(take(lookup_, questions.size(), Usec{limits::kNameSeconds * 1'000'000}).size(),
            questions.size());
  end();
  lookup_.ask({of_user(1000)}, Usec{0});
  // Late answers may come before it.
  bool found = false;
  for (std::size_t i = 0; i <= limits::kNameThreads && !found; ++i) {
    for (const auto& answer : take(lookup_, 1)) found |= answer.question.owner == 1000U;
  }
  EXPECT_TRUE(found);
}

}  // namespace
}  // namespace cgwarden::agent
