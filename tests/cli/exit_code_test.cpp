#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/text.h"
#include "tests/cli/command.h"

namespace cgwarden::cli {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class ExitCode : public testing::Test {
 protected:
  ExitCode() : directory_("/tmp/cgwarden-exit-code.XXXXXX") {
    EXPECT_NE(::mkdtemp(directory_.data()), nullptr);
  }
  ~ExitCode() override { std::filesystem::remove_all(directory_); }
  std::string file(const std::string& name, const std::string& text) {
    const std::string path = directory_ + "/" + name;
    std::ofstream(path) << text;
    return path;
  }
  static void expect_one_sentence(const Outcome& outcome) {
    EXPECT_THAT(outcome.err, StartsWith("cgwarden: "));
    EXPECT_EQ(split(trim(outcome.err), '\n').size(), 1U) << outcome.err;
  }
  std::string directory_;
};

TEST_F(ExitCode, WrongUsageIs2AndSaysWhereHelpIs) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{}, "cgwarden --help"},
      {{"frobnicate"}, "'frobnicate'"},
      {{"why"}, "cgwarden why --help"},
      {{"why", "web", "--nonsense"}, "'--nonsense'"},
      {{"policy"}, "cgwarden policy --help"},
      {{"logs", "web", "--stdout", "--stderr"}, "--stderr"},
      {{"agent", "--interval", "0"}, "--interval"},
      {{"agent", "--bus", "maybe"}, "--bus"},
  };
  for (const auto& [arguments, expected] : cases) {
    const Outcome outcome = cgwarden(arguments);
    EXPECT_EQ(outcome.exit_code, 2) << expected;
    expect_one_sentence(outcome);
    EXPECT_THAT(outcome.err, HasSubstr(expected));
    EXPECT_EQ(outcome.out, "");
  }
}

TEST_F(ExitCode, NoSuchWorkloadIs3) {
  // A workload may have the name of a command.
  for (const auto* name : {"nobody", "ps", "../../etc"}) {
    for (const auto* command : {"why", "logs"}) {
      const Outcome outcome =
          cgwarden({"--runtime-dir", directory_, "--state-dir", directory_, command, name});
      EXPECT_EQ(outcome.exit_code, 3) << name;
      expect_one_sentence(outcome);
      EXPECT_THAT(outcome.err, HasSubstr(name));
    }
  }
}

TEST_F(ExitCode, CommandsOfTheAgentSayHowToStartOne) {
  const std::string good = file("web.yaml",
                                "apiVersion: cgwarden/v1\nkind: Workload\nmetadata: {name: web}\n"
                                "command: [/bin/true]\nrootfs: /\n");
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"run", good}, {"stop", "web"}, {"reload"}}) {
    const Outcome outcome = cgwarden(arguments);
    EXPECT_EQ(outcome.exit_code, 1);
    expect_one_sentence(outcome);
    EXPECT_THAT(outcome.err, HasSubstr("cannot reach the agent"));
    EXPECT_THAT(outcome.err, HasSubstr("cgwarden agent"));
  }
}

TEST_F(ExitCode, BadWorkloadYamlIsShownInItsPlaceBeforeAnyAgentIsAsked) {
  const std::string bad = file("bad.yaml",
                               "apiVersion: cgwarden/v1\nkind: Workload\nmetadata: {name: x}\n"
                               "command: [/bin/true]\nrootfs: /\ncommands: [a]\n");
  const Outcome outcome = cgwarden({"run", bad});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_EQ(outcome.err, "cgwarden: cannot load workload from " + bad + ":\n" + bad +
                             ":6:1: error: unknown key \"commands\"\n"
                             "  6 | commands: [a]\n"
                             "    | ^\n"
                             "  hint: did you mean \"command\"?\n");
}

TEST_F(ExitCode, AMissingFileIsOneSentence) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"run", "/no/such.yaml"}, {"policy", "check", "/no/such.yaml"}}) {
    const Outcome outcome = cgwarden(arguments);
    EXPECT_EQ(outcome.exit_code, 1);
    expect_one_sentence(outcome);
    EXPECT_THAT(outcome.err, HasSubstr("/no/such.yaml"));
  }
}

TEST_F(ExitCode, PolicyCheckTellsGoodFromBad) {
  const std::string good =
      "apiVersion: cgwarden/v1\nkind: Policy\nmetadata: {name: p}\n"
      "match: {cgroups: [/a]}\npids: {max: 5}\n";
  EXPECT_EQ(cgwarden({"policy", "check", file("good.yaml", good)}).exit_code, 0);
  const std::string bad = file("bad.yaml",
                               "apiVersion: cgwarden/v1\nkind: Policy\nmetadata: {name: q}\n"
                               "match: {cgroups: [/a]}\npids: {max: -1}\n");
  const Outcome outcome = cgwarden({"policy", "check", bad});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, HasSubstr(bad + ":5:"));
  EXPECT_THAT(outcome.err, HasSubstr("pids: {max: -1}"));
  // Directories; and two policies of one name are an error of the set.
  file("bad.yaml", good);
  const Outcome twice = cgwarden({"policy", "check", directory_});
  EXPECT_EQ(twice.exit_code, 1);
  EXPECT_THAT(twice.err, HasSubstr("good.yaml"));
}

TEST_F(ExitCode, PolicyCheckOfNothingIsNotGood) {
  for (const auto* command : {"check", "plan", "apply"}) {
    const Outcome outcome = cgwarden({"policy", command, directory_});
    EXPECT_EQ(outcome.exit_code, 1) << command;
    expect_one_sentence(outcome);
    EXPECT_THAT(outcome.err, HasSubstr(directory_));
    EXPECT_THAT(outcome.err, HasSubstr("no *.yaml"));
  }
  const Outcome empty = cgwarden({"policy", "check", file("empty.yaml", "# later\n")});
  EXPECT_EQ(empty.exit_code, 1);
}

TEST_F(ExitCode, PolicyCheckSaysWhatIsNeverEnforcedWhereSystemdRuns) {
  const std::string good = file("good.yaml",
                                "apiVersion: cgwarden/v1\nkind: Policy\nmetadata: {name: p}\n"
                                "match: {cgroups: [/docker/*x, "
                                "/cgwarden.slice/*.scope/payload]}\npids: {max: 5}\n");
  const Outcome outcome = cgwarden({"policy", "check", good});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_THAT(outcome.out, HasSubstr("nothing that /docker/*x matches is written"));
  EXPECT_THAT(outcome.out, HasSubstr("1 policy is good, 1 warnings"));
}

TEST_F(ExitCode, WrongUsageOfPolicyPlanIsNotPendingChanges) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"policy", "plan", "--nonsense", "--detailed-exitcode", directory_},
        {"policy", "plan", "--detailed-exitcode", "/no/such.yaml"}}) {
    const Outcome outcome = cgwarden(arguments);
    EXPECT_EQ(outcome.exit_code, 1);
    expect_one_sentence(outcome);
  }
  EXPECT_EQ(cgwarden({"policy", "apply"}).exit_code, 2);
  EXPECT_EQ(cgwarden({"run", "policy", "--plan"}).exit_code, 2);
}

TEST_F(ExitCode, RevertWantsToKnowWhatAndSaysWhereNothingIs) {
  EXPECT_EQ(cgwarden({"policy", "revert"}).exit_code, 2);
  EXPECT_EQ(cgwarden({"policy", "revert", "web", "--all"}).exit_code, 2);
}

TEST_F(ExitCode, ExplainOfWhatIsNotThereIsNoSuchWorkload) {
  const Outcome outcome = cgwarden({"policy", "explain", "nobody", "--runtime-dir", directory_});
  EXPECT_EQ(outcome.exit_code, 3);
  expect_one_sentence(outcome);
}

TEST_F(ExitCode, VersionAndEmptyListAreJsonWithAVersion) {
  const auto version = nlohmann::json::parse(cgwarden({"version", "--json"}).out);
  EXPECT_EQ(version.at("version"), 1);
  const Outcome list = cgwarden({"ps", "--json", "--runtime-dir", directory_});
  EXPECT_EQ(list.exit_code, 0);
  EXPECT_EQ(nlohmann::json::parse(list.out).at("workloads").size(), 0U);
}

TEST_F(ExitCode, DoctorNamesEachThingAndItsCost) {
  const Outcome outcome =
      cgwarden({"doctor", "--json", "--runtime-dir", directory_, "--state-dir", directory_});
  const auto document = nlohmann::json::parse(outcome.out);
  std::vector<std::string> subjects;
  bool broken = false;
  for (const auto& finding : document.at("findings")) {
    subjects.push_back(finding.at("subject"));
    EXPECT_EQ(finding.at("cost").get<std::string>().empty(), finding.at("level") == "good");
    broken = broken || finding.at("level") == "broken";
  }
  EXPECT_EQ(outcome.exit_code, broken ? 1 : 0);
  for (const auto* subject :
       {"cgroup v2 mount", "pressure (PSI)", "kernel log", "agent", "bus", "store", "policies",
        "overlayfs", "nf_tables", "user namespaces", "skopeo", "newuidmap"}) {
    EXPECT_THAT(subjects, testing::Contains(subject));
  }
}

TEST_F(ExitCode, DoctorSaysThatPoliciesOfNowWereRefused) {
  file("policies.refused", "cannot load policies from /etc/p:\n/etc/p/bad.yaml:5:3: error: x\n");
  const Outcome outcome = cgwarden({"doctor", "--state-dir", directory_});
  EXPECT_THAT(outcome.out, HasSubstr("/etc/p/bad.yaml:5:3"));
  EXPECT_THAT(outcome.out, HasSubstr("the last good policies"));
}

}  // namespace
}  // namespace cgwarden::cli
