#include "launcher/home.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace cgwarden::launcher {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

TEST(Environment, TheLastEntryOfANameCounts) {
  EXPECT_THAT(without_overridden({"A=1", "B=2", "A=3", "A=", "C", "B=4=5"}),
              ElementsAre("A=", "B=4=5", "C"));
  EXPECT_THAT(without_overridden({}), SizeIs(0));
  // A name that begins with another one is another one.
  EXPECT_THAT(without_overridden({"PATH=/a", "PATHS=/b"}), ElementsAre("PATH=/a", "PATHS=/b"));
}

TEST(Environment, HomeIsFilledInWhereItIsAbsentOrEmpty) {
  constexpr uid_t kNobodyHasIt = 4'000'000'001U;
  EXPECT_THAT(complete_environment({"A=1"}, kNobodyHasIt), ElementsAre("A=1", "HOME=/"));
  EXPECT_THAT(complete_environment({"HOME=", "A=1"}, kNobodyHasIt), ElementsAre("A=1", "HOME=/"));
  EXPECT_THAT(complete_environment({"HOME=", "HOME=/own"}, kNobodyHasIt), ElementsAre("HOME=/own"));
  EXPECT_THAT(complete_environment({"HOME=/own", "HOME="}, kNobodyHasIt), ElementsAre("HOME=/"));
}

TEST(Environment, TheHomeOfAUserIsTheSixthField) {
  const std::string passwd = "root:x:0:0:root:/root:/bin/sh\nhalf:x:7:7\napp:x:77:88::/srv:/bin/sh";
  EXPECT_EQ(home_in(passwd, 77), "/srv");
  EXPECT_EQ(home_in(passwd, 7), "");
  EXPECT_EQ(home_in(passwd, 8), "");
}

}  // namespace
}  // namespace cgwarden::launcher
