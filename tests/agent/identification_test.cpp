#include "agent/identification.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "base/file.h"

namespace cgwarden::agent {
namespace {

const std::string kContainerId(64, 'a');

class IdentificationTest : public ::testing::Test {
 protected:
  IdentificationTest() : root_(::mkdtemp(pattern_.data())), identification_(root_) {
    cgroup::Sample sample;
    sample.id = CgroupId{7};
    sample.path = "/docker/" + kContainerId;
    snapshot_ = {TimePoint{}, {sample}};
  }
  ~IdentificationTest() override { std::filesystem::remove_all(root_); }

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

  std::string pattern_ =
      std::filesystem::temp_directory_path().string() + "/identification_test.XXXXXX";
  std::string root_;
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

TEST(NameLookup, AnswersEveryQuestionOnce) {
  NameLookup lookup(*identity::HostNames::open("/"));
  const identity::Question question{identity::Question::What::user, "no such user", {}};
  lookup.ask({});
  EXPECT_TRUE(lookup.take().empty());
  lookup.ask({question, question});
  std::vector<NameLookup::Answer> answers;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (answers.size() < 2 && std::chrono::steady_clock::now() < deadline) {
    for (auto& answer : lookup.take()) answers.push_back(std::move(answer));
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers.front().question, question);
  EXPECT_TRUE(answers.front().names && !*answers.front().names);
}

}  // namespace
}  // namespace cgwarden::agent
