// The part of OomWatch that needs no cgroup; tests/vm/test_agent.py has the rest.
#include "launcher/oom_watch.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

namespace cgwarden::launcher {
namespace {

TEST(UnharmedTest, ALivingProcessIs) { EXPECT_TRUE(is_unharmed(::getpid())); }

TEST(UnharmedTest, ADeadOneIsNot) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  EXPECT_FALSE(is_unharmed(child));
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_FALSE(is_unharmed(child));
  EXPECT_FALSE(is_unharmed(-1));
}

// Counters in plain files: what is judged when, not how a kernel notifies.
class OomWatchTest : public ::testing::Test {
 protected:
  OomWatchTest() {
    EXPECT_NE(::mkdtemp(root_.data()), nullptr);
    std::filesystem::create_directory(root_ + "/payload");
    count(0);
    auto tree = cgroup::Tree::open(root_, false);
    EXPECT_TRUE(tree);
    record_.cgroups = {{"/payload", CgroupId{1}, before_, {}}, {"/", CgroupId{2}, {}, {}}};
    watch_.emplace(*tree, record_.cgroups, std::vector<pid_t>{::getpid(), process_},
                   TimePoint{Usec(1'000'000), Usec(0)});
  }
  ~OomWatchTest() override { std::filesystem::remove_all(root_); }

  void count(int kills) {
    const std::string text = "oom " + std::to_string(kills) + "\n";
    for (const char* file : {"memory.events", "memory.events.local"}) {
      std::ofstream(root_ + "/payload/" + file) << text;
      if (kills == 0) before_[file] = text;
    }
  }
  void notified(std::uint64_t msec) {
    std::vector<pollfd> polls;
    watch_->add_polls(polls);
    for (auto& poll : polls) poll.revents = POLLPRI;
    watch_->look(polls, TimePoint{Usec(msec * 1000), Usec(0)});
  }
  void woken(std::uint64_t msec) { watch_->look({}, TimePoint{Usec(msec * 1000), Usec(0)}); }
  std::string outlived() {
    watch_->write_to(record_);
    return record_.cgroups[0].outlived.at("memory.events.local");
  }

  std::string root_ = ::testing::TempDir() + "cgwarden-oom-watch-XXXXXX";
  std::map<std::string, std::string> before_;
  ExitRecord record_;
  pid_t process_ = ::getpid();
  std::optional<OomWatch> watch_;
};

TEST_F(OomWatchTest, WhatStoodAtTheStartIsOutlived) {
  EXPECT_EQ(outlived(), "oom 0\n");
  EXPECT_EQ(record_.outlived->boottime, Usec(1'000'000));
  EXPECT_TRUE(record_.cgroups[1].outlived.empty());
  EXPECT_EQ(watch_->timeout_msec(Usec(5'000'000)), -1);
}

TEST_F(OomWatchTest, ARiseIsOutlivedASecondLater) {
  count(1);
  notified(5000);
  EXPECT_EQ(outlived(), "oom 0\n");
  EXPECT_EQ(watch_->timeout_msec(Usec(5'400'000)), 601);
  woken(5900);
  EXPECT_EQ(outlived(), "oom 0\n");
  count(2);  // too late to be judged with the first
  woken(6000);
  EXPECT_EQ(outlived(), "oom 1\n");
  EXPECT_EQ(record_.outlived->boottime, Usec(5'000'000));
  EXPECT_EQ(watch_->timeout_msec(Usec(6'000'000)), -1);
  notified(6001);
  woken(7100);
  EXPECT_EQ(outlived(), "oom 2\n");
}

TEST_F(OomWatchTest, IsNotWokenAgainWhileItJudges) {
  count(1);
  notified(5000);
  std::vector<pollfd> polls;
  watch_->add_polls(polls);
  EXPECT_TRUE(polls.empty());
}

class OomWatchOfADeadProcessTest : public OomWatchTest {
 protected:
  OomWatchOfADeadProcessTest() {
    auto tree = cgroup::Tree::open(root_, false);
    watch_.emplace(*tree, record_.cgroups, std::vector<pid_t>{-1}, TimePoint{});
  }
};

TEST_F(OomWatchOfADeadProcessTest, OutlivedNothing) {
  count(1);
  notified(5000);
  woken(7000);
  woken(70000);
  EXPECT_EQ(outlived(), "oom 0\n");
}

TEST_F(OomWatchTest, ACgroupThatIsGoneIsDropped) {
  std::filesystem::remove_all(root_ + "/payload");
  auto tree = cgroup::Tree::open(root_, false);
  OomWatch watch(*tree, record_.cgroups, {::getpid()}, TimePoint{});
  std::vector<pollfd> polls;
  watch.add_polls(polls);
  EXPECT_TRUE(polls.empty());
  watch.write_to(record_);
  EXPECT_FALSE(record_.outlived);
}

}  // namespace
}  // namespace cgwarden::launcher
