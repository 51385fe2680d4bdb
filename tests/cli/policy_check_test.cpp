// `policy check`: what a script and an editor read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <fstream>

#include "tests/cli/command.h"

namespace cgwarden::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class PolicyCheck : public ::testing::Test {
 protected:
  std::string write(const std::string& lines) {
    const std::string path = ::testing::TempDir() + "policy_check_" +
                             ::testing::UnitTest::GetInstance()->current_test_info()->name() +
                             ".yaml";
    std::ofstream(path) << "apiVersion: cgwarden/v1\nkind: Policy\nmetadata: {name: p}\n"
                           "match: {cgroups: [/cgwarden.slice/a.scope/payload]}\n"
                        << lines;
    return path;
  }
};

TEST_F(PolicyCheck, JsonHasTheRuleAndItsPlace) {
  const std::string bad = write("cpu: {max: 0.5, burst: 60ms}\n");
  const Outcome outcome = cgwarden({"policy", "check", "--json", bad});
  EXPECT_EQ(outcome.exit_code, 1);
  const auto report = nlohmann::json::parse(outcome.out);
  EXPECT_EQ(report["version"], 1);
  EXPECT_EQ(report["findings"][0]["rule"], "L03");
  EXPECT_EQ(report["findings"][0]["file"], bad);
  EXPECT_EQ(report["findings"][0]["line"], 5);
  EXPECT_EQ(report["findings"][0]["column"], 17);
  const Outcome good = cgwarden({"policy", "check", "--json", write("pids: {max: 5}\n")});
  EXPECT_EQ(good.exit_code, 0);
  EXPECT_EQ(nlohmann::json::parse(good.out)["policies"], 1);
}

TEST_F(PolicyCheck, RulesAndSchemaNeedNoFile) {
  const Outcome rules = cgwarden({"policy", "check", "--list-rules"});
  EXPECT_EQ(rules.exit_code, 0);
  EXPECT_THAT(rules.out, StartsWith("L01 "));
  EXPECT_THAT(rules.out, HasSubstr("\nL44 "));
  EXPECT_EQ(
      nlohmann::json::parse(cgwarden({"policy", "check", "--list-rules", "--json"}).out)["rules"]
          .size(),
      46U);
  EXPECT_TRUE(
      nlohmann::json::parse(cgwarden({"policy", "check", "--schema"}).out).contains("anyOf"));
  EXPECT_EQ(cgwarden({"policy", "check"}).exit_code, 2);
  EXPECT_EQ(cgwarden({"policy", "check", "--schema", "/x.yaml"}).exit_code, 2);
}

}  // namespace
}  // namespace cgwarden::cli
