#include "policy/match.h"

#include <fnmatch.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

namespace cgwarden::policy {
namespace {

struct Case {
  const char* glob;
  const char* path;
  bool matches;
};

TEST(MatchTest, Globs) {
  for (const Case& row : {
           Case{"/", "/", true},
           {"/", "/a", false},
           {"/a", "/a", true},
           {"/a", "/a/b", false},
           {"/a/b", "/a", false},
           {"/*", "/a", true},
           {"/*", "/", false},
           {"/*", "/a/b", false},
           {"/a*c", "/abbc", true},
           {"/a*c", "/ab/c", false},
           {"/a?c", "/abc", true},
           {"/a?c", "/a/c", false},
           {"/a?c", "/aéc", true},
           {"/*.scope/payload", "/web.scope/payload", true},
           {"/cgwarden.slice/*.scope/payload", "/cgwarden.slice/web.scope/payload", true},
           {"/cgwarden.slice/*.scope/payload", "/cgwarden.slice/web.scope/payload/sub", false},
           {"/system.slice/**", "/system.slice", false},
           {"/system.slice/**", "/system.slice/a", true},
           {"/system.slice/**", "/system.slice/a/b/c", true},
           {"/**", "/", false},
           {"/**", "/a", true},
           {"/**/b", "/b", true},
           {"/**/b", "/a/b", true},
           {"/**/b", "/a/b/c", false},
           {"/a/**/z", "/a/z", true},
           {"/a/**/z", "/a/b/c/z", true},
           {"/a/**/z", "/a/b/c", false},
           {"/**/b/**", "/b", false},
           {"/**/b/**", "/a/b/c", true},
           {"/**/b/*/**/d", "/b/x/b/c/y/d", true},
           {"/**/a/**/a", "/a", false},
           {"/[ab]c", "/bc", true},
           {"/[a-c]", "/b", true},
           {"/[a-c]", "/d", false},
           {"/[!a-c]", "/d", true},
           {"/[!a-c]", "/b", false},
           {"/[!a]", "/é", true},
           {"/[]]", "/]", true},
           {"/[a-]", "/-", true},
           {"/dev-disk\\x2d1.mount", "/dev-disk\\x2d1.mount", true},
           {"/a", "a", false},
           {"a", "a", false},
       }) {
    EXPECT_EQ(glob_matches(row.glob, row.path), row.matches) << row.glob << " " << row.path;
  }
}

TEST(MatchTest, ManyStarsTakeNoExponentialTime) {
  std::string glob = "/";
  for (int i = 0; i < 200; ++i) glob += "a*";
  EXPECT_FALSE(glob_matches(glob + "b", "/" + std::string(4000, 'a')));
  std::string deep;
  std::string path;
  for (int i = 0; i < 200; ++i) deep += "/**/a";
  for (int i = 0; i < 2000; ++i) path += "/a";
  EXPECT_FALSE(glob_matches(deep + "/b", path));
}

struct FaultCase {
  const char* glob;
  std::size_t offset;
  const char* message;
};

TEST(MatchTest, FaultsNameTheirPlace) {
  for (const FaultCase& row : {
           FaultCase{"", 0, "it is empty"},
           {"a/b", 0, "it must begin with / (the root of the cgroup tree)"},
           {"/a//b", 3, "a component is empty (// or / at the end)"},
           {"/a/", 3, "a component is empty (// or / at the end)"},
           {"//", 1, "a component is empty (// or / at the end)"},
           {"/a/../b", 3, "a cgroup path has no . or .. components"},
           {"/a/.", 3, "a cgroup path has no . or .. components"},
           {"/a/b**", 4, "** must be a component of its own: /a/**/b"},
           {"/***", 1, "** must be a component of its own: /a/**/b"},
           {"/a/x[b", 4, "a [ is not closed by ]"},
           {"/x[a/b]", 2, "a [ is not closed by ]"},
           {"/[]", 1, "a [ is not closed by ]"},
           {"/[!]", 1, "a [ is not closed by ]"},
           {"/[z-a]", 1, "a range in [...] runs backwards"},
           {"/[é]", 1, "a set ([...]) can hold ASCII only"},
           {"/[[:alpha:]]", 1,
            "character classes ([:alpha:]) are not supported; write a range: [a-z]"},
           {"/a\tb", 2, "a control byte cannot be matched"},
       }) {
    const auto fault = find_glob_fault(row.glob);
    ASSERT_TRUE(fault) << row.glob;
    EXPECT_EQ(fault->offset, row.offset) << row.glob;
    EXPECT_EQ(fault->message, row.message) << row.glob;
    EXPECT_EQ(glob_fault(row.glob), row.message);
    EXPECT_FALSE(glob_matches(row.glob, row.glob)) << row.glob;
  }
  for (const char* glob : {"/", "/a", "/**", "/a/**/b", "/[a-z]*", "/a*?", "/a.b/..c"}) {
    EXPECT_FALSE(find_glob_fault(glob)) << glob;
    EXPECT_EQ(glob_fault(glob), "") << glob;
  }
  EXPECT_TRUE(find_glob_fault("/" + std::string(4096, 'a')));
}

// fnmatch(3) with the same meaning of backslash and "/" agrees on every pattern without **.
TEST(MatchTest, AgreesWithFnmatch) {
  std::mt19937 random(1);
  const auto text = [&](std::string_view letters, std::size_t most) {
    std::string out = "/";
    const std::size_t length = random() % (most + 1);
    for (std::size_t i = 0; i < length; ++i) out += letters[random() % letters.size()];
    return out;
  };
  int matched = 0;
  int compared = 0;
  while (compared < 20000) {
    const std::string glob = text("ab*?[]!-/", 8);
    if (glob.size() < 2 || !glob_fault(glob).empty() || glob.find("**") != std::string::npos) {
      continue;
    }
    ++compared;
    const std::string path = text("ab]-/", 6);
    if (path.find("//") != std::string::npos || (path.size() > 1 && path.back() == '/')) continue;
    const bool oracle =
        ::fnmatch(glob.c_str(), path.c_str(), FNM_PATHNAME | FNM_NOESCAPE) == 0 && path != "/";
    EXPECT_EQ(glob_matches(glob, path), oracle) << glob << " " << path;
    matched += oracle ? 1 : 0;
  }
  EXPECT_GT(matched, 500);
}

}  // namespace
}  // namespace cgwarden::policy
