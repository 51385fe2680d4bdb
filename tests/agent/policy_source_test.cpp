#include "agent/policy_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/file.h"

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

TEST_F(PolicySourceTest, AWorkloadsDiagnosticsAreInTheError) {
  const auto workload = parse_workload("kind: Workload\n", "web.yaml");
  ASSERT_FALSE(workload);
  EXPECT_EQ(workload.error().kind, ErrorKind::invalid);
  EXPECT_THAT(workload.error().detail, testing::HasSubstr("web.yaml:"));
}

}  // namespace
}  // namespace cgwarden::agent
