#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "launcher/oci/command_line.h"
#include "launcher/oci/container.h"
#include "launcher/oci/id_pattern.h"

namespace cgwarden::launcher::oci {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(ContainerIds, WhatMayBeOne) {
  for (const std::string& good :
       {std::string("a"), std::string("A-1_b+c.d"), std::string("-x"), std::string(1024, 'x')}) {
    EXPECT_TRUE(valid_id(good)) << good;
  }
  // ".seccomp" is a directory of the runtime's own beside the containers.
  for (const std::string& bad :
       {std::string(), std::string("."), std::string(".."), std::string(".seccomp"),
        std::string("a/b"), std::string("a b"), std::string("a\n"), std::string("\xc3\xa4"),
        std::string("a\0b", 3), std::string(1025, 'x')}) {
    EXPECT_FALSE(valid_id(bad)) << bad;
  }
}

class Matching : public testing::Test {
 protected:
  Matching() {
    EXPECT_NE(::mkdtemp(root_.data()), nullptr);
    for (const char* name : {"web-1", "web-2", "db", ".seccomp"}) {
      std::filesystem::create_directory(root_ + "/" + name);
    }
  }
  ~Matching() override { std::filesystem::remove_all(root_); }
  [[nodiscard]] std::vector<std::string> ids(const std::string& pattern) const {
    const auto found = ids_matching(root_, pattern);
    return found ? *found : std::vector<std::string>{found.error().text};
  }
  std::string root_ = testing::TempDir() + "cgwarden-ids-XXXXXX";
};

TEST_F(Matching, AnExpressionIsSearchedForInTheIds) {
  EXPECT_THAT(ids("web"), ElementsAre("web-1", "web-2"));
  EXPECT_THAT(ids("^(db|web-1)$"), ElementsAre("db", "web-1"));
  EXPECT_THAT(ids("seccomp"), IsEmpty());
  EXPECT_THAT(ids("nothing"), IsEmpty());
}

TEST_F(Matching, WhatIsNoExpressionIsAWrongUsage) {
  const auto refused = ids_matching(root_, "web-[");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().exit_code, kUsage);
  EXPECT_THAT(refused.error().text, HasSubstr("--regex: \"web-[\": "));
}

TEST(EachOf, GoesOnAfterAFailure) {
  std::vector<std::string> seen;
  const auto all_but_one = [&seen](const std::string& id) -> Outcome<void> {
    seen.push_back(id);
    if (id == "two") return refuse("it does not run");
    return {};
  };
  EXPECT_EQ(each_of({"one", "two", "three"}, all_but_one), 1);
  EXPECT_THAT(seen, ElementsAre("one", "two", "three"));
  EXPECT_EQ(each_of({"one"}, all_but_one), 0);
}

}  // namespace
}  // namespace cgwarden::launcher::oci
