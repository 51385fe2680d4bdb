#include "agent/policy_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/file.h"
#include "base/limits.h"

namespace cgwarden::agent {
namespace {

constexpr const char* kGood =
    "apiVersion: cgwarden/v1\nkind: Policy\nmetadata: {name: NAME}\n"
    "match: {cgroups: [/a/*]}\ncpu: {weight: 50}\n";

Result<PolicySet> load_directory(const std::string& directory) {
  CGW_ASSIGN(const auto files, read_yaml_directory(directory));
  return load_policies(files, directory);
}

class PolicySourceTest : public testing::Test {
 protected:
  PolicySourceTest() {
    std::string pattern = testing::TempDir() + "cgwarden-policies-XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
  }
  ~PolicySourceTest() override { std::filesystem::remove_all(directory_); }
  void file(const std::string& name, std::string text, const std::string& policy = "p") {
    const std::size_t at = text.find("NAME");
    if (at != std::string::npos) text.replace(at, 4, policy);
    ASSERT_TRUE(write_file_atomically(directory_ + "/" + name, text));
  }
  std::string directory_;
};

TEST_F(PolicySourceTest, AMissingDirectoryIsEmpty) {
  EXPECT_THAT(load_directory(directory_ + "/none").value().policies, testing::IsEmpty());
}

TEST_F(PolicySourceTest, ReadsYamlFilesInNameOrderAndNothingElse) {
  file("b.yaml", kGood, "second");
  file("a.yml", kGood, "first");
  file("c.yaml~", "rubbish");
  file(".d.yaml", "rubbish");
  const auto set = load_directory(directory_);
  ASSERT_TRUE(set) << set.error().sentence();
  ASSERT_EQ(set->policies.size(), 2U);
  EXPECT_EQ(set->policies[0].name, "first");
  EXPECT_EQ(set->policies[1].name, "second");
}

TEST_F(PolicySourceTest, OneBadFileRefusesAllAndNamesThePlace) {
  file("a.yaml", kGood, "good");
  file("b.yaml",
       "apiVersion: cgwarden/v1\nkind: Policy\nmetadata: {name: bad}\n"
       "match: {cgroups: [/a]}\ncpu: {weight: 0}\n");
  const auto set = load_directory(directory_);
  ASSERT_FALSE(set);
  EXPECT_THAT(set.error().detail, testing::HasSubstr("b.yaml:5:"));
  EXPECT_THAT(set.error().detail, testing::HasSubstr("cpu: {weight: 0}"));
}

TEST_F(PolicySourceTest, TwoPoliciesOfOneNameAreAnError) {
  file("a.yaml", kGood, "same");
  file("b.yaml", kGood, "same");
  EXPECT_FALSE(load_directory(directory_));
}

constexpr const char* kDropIn = "apiVersion: cgwarden/v1\nkind: Policy\ncpu: {weight: 70}\n";

TEST_F(PolicySourceTest, TheFirstLayerCountsAndDropInsComeLast) {
  const std::string etc = directory_ + "/etc";
  const std::string usr = directory_ + "/usr";
  for (const std::string& made : {etc, usr, etc + "/b.d", usr + "/b.d", usr + "/c.d"}) {
    std::filesystem::create_directory(made);
  }
  file("usr/a.yaml", kGood, "a-of-usr");
  file("etc/a.yaml", kGood, "a-of-etc");
  file("usr/b.yaml", kGood, "b");
  file("usr/c.yaml", kGood, "c");
  file("usr/b.d/10.yaml", kDropIn);
  file("usr/b.d/20.yaml", kDropIn);
  file("etc/b.d/15.yaml", kDropIn);
  file("etc/b.d/20.yaml", kDropIn);
  std::filesystem::create_symlink("/dev/null", etc + "/c.yaml");
  const auto files = read_policy_layers({etc, usr, directory_ + "/none"});
  ASSERT_TRUE(files) << files.error().sentence();
  std::vector<std::string> shown;
  for (const auto& each : *files) {
    shown.push_back(each.path.substr(directory_.size()) +
                    (each.drop_in_of.empty() ? "" : " of " + each.drop_in_of));
  }
  EXPECT_THAT(shown, testing::ElementsAre("/etc/a.yaml", "/usr/b.yaml", "/usr/b.d/10.yaml of b",
                                          "/etc/b.d/15.yaml of b", "/etc/b.d/20.yaml of b"));
  const auto set = load_policies(*files, "here");
  ASSERT_TRUE(set) << set.error().sentence();
  EXPECT_EQ(set->policies.size(), 2U);
  EXPECT_EQ(set->policies.at(1).resources.cpu_weight, 70U);
  EXPECT_THAT(drop_in_directories({etc, usr}),
              testing::ElementsAre(etc + "/b.d", usr + "/b.d", usr + "/c.d"));
}

TEST_F(PolicySourceTest, OnlyTheUsualDirectoryHasLayers) {
  EXPECT_EQ(policy_layers(directory_), std::vector{directory_});
  EXPECT_EQ(policy_layers(std::string(kPolicyDirectory) + "/"), policy_layers(kPolicyDirectory));
  EXPECT_THAT(policy_layers(kPolicyDirectory),
              testing::ElementsAre(kPolicyDirectory, "/run/cgwarden/policies.d",
                                   "/usr/lib/cgwarden/policies.d"));
}

TEST_F(PolicySourceTest, WhatIsNoFileIsRefusedAndNotWaitedFor) {
  file("a.yaml", kGood, "p");
  ASSERT_EQ(::mkfifo((directory_ + "/b.yaml").c_str(), 0600), 0);
  for (const auto& read : {read_yaml_directory(directory_), read_policy_layers({directory_})}) {
    ASSERT_FALSE(read);
    EXPECT_THAT(read.error().sentence(), testing::HasSubstr("it is no regular file"));
  }
}

TEST_F(PolicySourceTest, TooManyDropInDirectoriesAreRefused) {
  file("a.yaml", kGood, "p");
  for (std::size_t i = 0; i <= limits::kDropInDirectories; ++i) {
    std::filesystem::create_directory(directory_ + "/p" + std::to_string(i) + ".d");
  }
  const auto read = read_policy_layers({directory_});
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().sentence(), testing::HasSubstr("drop-in directories"));
}

TEST_F(PolicySourceTest, ABadDropInRefusesAll) {
  std::filesystem::create_directory(directory_ + "/p.d");
  file("a.yaml", kGood, "p");
  file("p.d/x.yaml", "apiVersion: cgwarden/v1\nkind: Policy\ncpu: {weight: 0}\n");
  const auto files = read_policy_layers({directory_});
  ASSERT_TRUE(files);
  const auto set = load_policies(*files, directory_);
  ASSERT_FALSE(set);
  EXPECT_THAT(set.error().detail, testing::HasSubstr("p.d/x.yaml:3:"));
}

TEST_F(PolicySourceTest, AWorkloadsDiagnosticsAreInTheError) {
  const auto workload = parse_workload("kind: Workload\n", "web.yaml");
  ASSERT_FALSE(workload);
  EXPECT_EQ(workload.error().kind, ErrorKind::invalid);
  EXPECT_THAT(workload.error().detail, testing::HasSubstr("web.yaml:"));
}

}  // namespace
}  // namespace cgwarden::agent
