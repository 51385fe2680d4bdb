// Whether what a policy had killed has ended.
#include "agent/kill_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits.h"

namespace cgwarden::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

KillCheck::Killed kill_of(const std::string& cgroup, Usec at) {
  return {"guard", cgroup, CgroupId{7}, at, {41, 42}};
}

std::vector<pid_t> nobody(const KillCheck::Killed& /*kill*/) { return {}; }

TEST(KillCheckTest, OneThatEmptiedIsForgotten) {
  KillCheck check;
  check.killed(kill_of("/a", Usec{0}));
  EXPECT_THAT(check.look(KillCheck::kPatience, nobody), IsEmpty());
  const auto somebody = [](const KillCheck::Killed&) { return std::vector<pid_t>{42}; };
  EXPECT_THAT(check.look(2 * KillCheck::kPatience, somebody), IsEmpty());
}

TEST(KillCheckTest, WhoLivesOnIsToldOnceWhenTheTimeIsOver) {
  KillCheck check;
  check.killed(kill_of("/a", Usec{5}));
  check.killed(kill_of("/b", Usec{6}));
  const auto somebody = [](const KillCheck::Killed& kill) {
    return kill.cgroup == "/a" ? std::vector<pid_t>{42} : std::vector<pid_t>{};
  };
  EXPECT_THAT(check.look(KillCheck::kPatience, somebody), IsEmpty());
  const auto left = check.look(KillCheck::kPatience + Usec{6}, somebody);
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left.front().kill.cgroup, "/a");
  EXPECT_EQ(left.front().kill.policy, "guard");
  EXPECT_THAT(left.front().alive, ElementsAre(42));
  EXPECT_THAT(check.look(2 * KillCheck::kPatience, somebody), IsEmpty());
}

TEST(KillCheckTest, TheOldestOfTooManyIsForgotten) {
  KillCheck check;
  for (std::size_t i = 0; i <= limits::kPolicyKills; ++i) {
    check.killed(kill_of("/" + std::to_string(i), Usec{0}));
  }
  const auto somebody = [](const KillCheck::Killed&) { return std::vector<pid_t>{42}; };
  const auto left = check.look(KillCheck::kPatience, somebody);
  ASSERT_EQ(left.size(), limits::kPolicyKills);
  EXPECT_EQ(left.front().kill.cgroup, "/1");
}

}  // namespace
}  // namespace cgwarden::agent
