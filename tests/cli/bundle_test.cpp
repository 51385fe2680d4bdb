// `bundle` from the files alone, as why_test.cpp.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "diagnosis/store.h"
#include "tests/cli/command.h"

namespace cgwarden::cli {
namespace {

using testing::HasSubstr;

class BundleTest : public testing::Test {
 protected:
  BundleTest() : directory_("/tmp/cgwarden-bundle-test.XXXXXX") {
    EXPECT_NE(::mkdtemp(directory_.data()), nullptr);
    std::filesystem::create_directory(directory_ + "/state");
    auto writer = diagnosis::StoreWriter::open(directory_ + "/state/store.db", 0);
    EXPECT_TRUE(writer);
    diagnosis::Verdict verdict;
    verdict.workload = "web";
    verdict.incarnation = 1;
    verdict.verdict = diagnosis::VerdictClass::exited;
    verdict.confidence = diagnosis::Confidence::proven;
    verdict.answer = "web ended by itself with exit code 3";
    if (writer) {
      EXPECT_TRUE(writer->put(verdict));
    }
  }
  ~BundleTest() override { std::filesystem::remove_all(directory_); }

  [[nodiscard]] Outcome bundle(const std::string& name, const std::string& file) const {
    return cgwarden({"--runtime-dir", directory_ + "/run", "--state-dir", directory_ + "/state",
                     "bundle", name, "-o", file});
  }
  // One member of the archive.
  [[nodiscard]] static std::string member(const std::string& archive, const std::string& name) {
    return run_program({"tar", "-xOzf", archive, "cgwarden-web/" + name}).out;
  }
  std::string directory_;
};

TEST_F(BundleTest, HasTheAnswersAndSaysWhereTheyComeFrom) {
  const std::string archive = directory_ + "/web.tar.gz";
  const Outcome made = bundle("web", archive);
  ASSERT_EQ(made.exit_code, 0) << made.err;
  EXPECT_THAT(made.out, HasSubstr(archive));
  EXPECT_THAT(member(archive, "why.txt"), HasSubstr("web ended by itself with exit code 3"));
  EXPECT_THAT(member(archive, "version.txt"), HasSubstr("cgwarden"));
  EXPECT_THAT(member(archive, "machine.txt"), HasSubstr("==> /etc/os-release <=="));
  const auto manifest = nlohmann::json::parse(member(archive, "manifest.json"));
  EXPECT_EQ(manifest["workload"], "web");
  for (const auto& row : manifest["members"]) {
    const std::string file = row["file"];
    EXPECT_EQ(run_program({"tar", "-tzf", archive, "cgwarden-web/" + file}).exit_code, 0) << file;
    if (file == "why.json") EXPECT_EQ(row["exit_status"], 0);
    // It never ran here, so there are no logs: said, and no reason to give nothing.
    if (file == "stdout.log") EXPECT_NE(row["exit_status"], 0);
  }
  struct stat status{};
  ASSERT_EQ(::stat(archive.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(BundleTest, AnArchiveThatIsThereStays) {
  const std::string archive = directory_ + "/web.tar.gz";
  ASSERT_EQ(bundle("web", archive).exit_code, 0);
  const auto size = std::filesystem::file_size(archive);
  const Outcome again = bundle("web", archive);
  EXPECT_EQ(again.exit_code, 1);
  EXPECT_THAT(again.err, HasSubstr("web.tar.gz"));
  EXPECT_EQ(std::filesystem::file_size(archive), size);
}

TEST_F(BundleTest, ANameThatNobodyKnowsGivesNoArchive) {
  const std::string archive = directory_ + "/x.tar.gz";
  const Outcome made = bundle("nobody", archive);
  EXPECT_EQ(made.exit_code, 3);
  EXPECT_THAT(made.err, HasSubstr("nobody"));
  EXPECT_FALSE(std::filesystem::exists(archive));
}

}  // namespace
}  // namespace cgwarden::cli
