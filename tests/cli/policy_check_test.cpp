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

// A script reads one document whatever is wrong.
TEST_F(PolicyCheck, WhatCannotBeReadIsAFindingToo) {
  const std::string good = write("pids: {max: 5}\n");
  const Outcome gone = cgwarden({"policy", "check", "--json", good, "/nowhere/x.yaml"});
  EXPECT_EQ(gone.exit_code, 1);
  const auto report = nlohmann::json::parse(gone.out);
  EXPECT_EQ(report["errors"], 1);
  EXPECT_EQ(report["findings"][0]["file"], "/nowhere/x.yaml");
  const Outcome empty = cgwarden({"policy", "check", "--json", "/proc/self/fdinfo"});
  EXPECT_EQ(empty.exit_code, 1);
  EXPECT_THAT(std::string(nlohmann::json::parse(empty.out)["findings"][0]["message"]),
              HasSubstr("it has no *.yaml or *.yml file"));
  EXPECT_THAT(cgwarden({"policy", "check", "/proc/self/fdinfo"}).err,
              HasSubstr("it has no *.yaml or *.yml file"));
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
  EXPECT_EQ(
      nlohmann::json::parse(cgwarden({"policy", "check", "--schema", "workload"}).out)["title"],
      "cgwarden workloads");
  EXPECT_EQ(nlohmann::json::parse(cgwarden({"policy", "check", "--schema=drop-in"}).out)["title"],
            "cgwarden policy drop-ins");
  EXPECT_EQ(cgwarden({"policy", "check", "--schema=pod"}).exit_code, 2);
  EXPECT_EQ(cgwarden({"policy", "check", "--schema", "/x.yaml"}).exit_code, 2);
}

}  // namespace
}  // namespace cgwarden::cli
