#include "cli/doctor_launcher.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <map>

namespace cgwarden::cli {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr const char* kRelease = "6.1.0-test";

class DoctorLauncher : public testing::Test {
 protected:
  DoctorLauncher() {
    root_ = testing::TempDir() + "cgwarden-doctor-XXXXXX";
    EXPECT_NE(::mkdtemp(root_.data()), nullptr);
  }
  ~DoctorLauncher() override { fs::remove_all(root_); }

  void file(const std::string& path, const std::string& text) const {
    fs::create_directories(fs::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }
  void program(const std::string& path) const {
    file(path, "");
    fs::permissions(root_ + path, fs::perms::owner_all);
  }
  [[nodiscard]] std::map<std::string, DoctorFinding> findings() const {
    std::map<std::string, DoctorFinding> all;
    for (auto& finding : launcher_findings(root_, kRelease, root_ + "/libexec")) {
      all[finding.subject] = std::move(finding);
    }
    return all;
  }

  std::string root_;
};

TEST_F(DoctorLauncher, WhatIsMissingIsNamedWithItsPackageAndItsCost) {
  const auto all = findings();
  EXPECT_EQ(all.size(), 9U);
  for (const auto& [subject, finding] : all) {
    EXPECT_EQ(finding.level, DoctorLevel::limited) << subject;
    EXPECT_NE(finding.cost, "") << subject;
  }
  EXPECT_EQ(all.at("skopeo").detail, "not installed; apt install skopeo");
  EXPECT_EQ(all.at("newuidmap").detail, "not installed; apt install uidmap");
  EXPECT_THAT(all.at("cgwarden-network").detail, HasSubstr(root_ + "/libexec"));
}

TEST_F(DoctorLauncher, WhatIsThereIsGood) {
  file("/proc/filesystems", "nodev\tproc\nnodev\toverlay\n");
  file(std::string("/lib/modules/") + kRelease + "/modules.dep",
       "kernel/net/netfilter/nf_tables.ko.xz: kernel/net/netfilter/nfnetlink.ko.xz\n");
  file("/proc/sys/user/max_user_namespaces", "3803\n");
  for (const char* path :
       {"/usr/bin/skopeo", "/bin/tar", "/usr/bin/newuidmap", "/usr/bin/newgidmap",
        "/libexec/cgwarden-network", "/libexec/cgwarden-scope"}) {
    program(path);
  }
  for (const auto& [subject, finding] : findings()) {
    EXPECT_EQ(finding.level, DoctorLevel::good) << subject;
    EXPECT_EQ(finding.cost, "") << subject;
  }
}

TEST_F(DoctorLauncher, AModuleIsFoundLoadedBuiltInOrAsAFile) {
  const auto level = [this] { return findings().at("overlayfs").level; };
  const std::string lists = std::string("/lib/modules/") + kRelease;
  file(lists + "/modules.builtin", "kernel/fs/ext4/ext4.ko\n");
  EXPECT_EQ(level(), DoctorLevel::limited);
  file(lists + "/modules.builtin", "kernel/fs/overlayfs/overlay.ko\n");
  EXPECT_EQ(level(), DoctorLevel::good);
  fs::remove_all(root_ + "/lib");
  fs::create_directories(root_ + "/sys/module/overlay");
  EXPECT_EQ(level(), DoctorLevel::good);
}

TEST_F(DoctorLauncher, UserNamespacesMayBeSwitchedOff) {
  const auto detail = [this] { return findings().at("user namespaces").detail; };
  EXPECT_EQ(detail(), "the kernel has none");
  file("/proc/sys/user/max_user_namespaces", "0\n");
  EXPECT_EQ(detail(), "user.max_user_namespaces is 0");
  file("/proc/sys/user/max_user_namespaces", "10\n");
  file("/proc/sys/kernel/unprivileged_userns_clone", "0\n");
  EXPECT_EQ(detail(), "kernel.unprivileged_userns_clone is 0");
}

}  // namespace
}  // namespace cgwarden::cli
