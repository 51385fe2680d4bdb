#include "cli/doctor_evidence.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "diagnosis/recording/recording_source.h"
#include "diagnosis/store.h"
#include "tests/diagnosis/recorded.h"
#include "tests/temporary_directory.h"

namespace cgwarden::cli {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class DoctorEvidence : public testing::Test {
 protected:
  void file(const std::string& path, const std::string& text = "") const {
    const fs::path whole = directory_.path() + path;
    fs::create_directories(whole.parent_path());
    std::ofstream(whole, std::ios::binary) << text;
  }
  [[nodiscard]] std::map<std::string, DoctorFinding> findings(const std::string& shim = "") const {
    agent::Options where;
    where.runtime_dir = directory_.path() + "/run";
    where.state_dir = directory_.path() + "/state";
    std::map<std::string, DoctorFinding> all;
    for (auto& finding : evidence_findings(directory_.path() + "/cgroup", where, shim)) {
      EXPECT_EQ(finding.cost.empty(), finding.level == DoctorLevel::good) << finding.subject;
      EXPECT_NE(finding.detail, "") << finding.subject;
      all[finding.subject] = std::move(finding);
    }
    return all;
  }
  TemporaryDirectory directory_;
};

TEST_F(DoctorEvidence, WhatIsMissingIsSaidWithWhatItCosts) {
  const auto all = findings();
  EXPECT_EQ(all.size(), 6U);
  EXPECT_EQ(all.at("launch errors").level, DoctorLevel::broken);
  for (const auto* name : {"pids.events", "last words", "recording", "own actions"}) {
    EXPECT_EQ(all.at(name).level, DoctorLevel::limited) << name;
  }
  EXPECT_THAT(all.at("systemd-oomd").detail, HasSubstr("does not run"));
}

TEST_F(DoctorEvidence, WhatIsThereIsGood) {
  file("/cgroup/a.slice/pids.events");
  file("/cgroup/a.slice/pids.events.local");
  fs::create_directories(directory_.path() + "/state");
  fs::create_directories(directory_.path() + "/run");
  auto store = diagnosis::StoreWriter::open(directory_.path() + "/state/store.db", 0);
  ASSERT_TRUE(store);
  const diagnosis::Event written{.kind = diagnosis::EventKind::policy_write,
                                 .when = {Usec{1}, Usec{1'769'860'800'000'000}}};
  ASSERT_TRUE(store->put_events({&written, 1}));
  diagnosis::testing::SegmentBytes segment(1);
  segment.tick(1'769'860'800'000, 1, "/a.slice", diagnosis::testing::row_of({{"pids.current", 1}}));
  file("/run/recorder/1.ring", segment.bytes());
  const auto all = findings("/usr/libexec/cgwarden/cgwarden-shim");
  for (const auto& [name, finding] : all) EXPECT_EQ(finding.level, DoctorLevel::good) << name;
  EXPECT_THAT(all.at("own actions").detail, HasSubstr("2026-01-31 12:00:00 UTC"));
  EXPECT_THAT(all.at("recording").detail, HasSubstr("from 2026-01-31 12:00:00 UTC"));
}

TEST_F(DoctorEvidence, OlderKernelsCountRefusedForksInOnePlace) {
  file("/cgroup/a.slice/cgroup.procs");
  EXPECT_THAT(findings().at("pids.events").detail, HasSubstr("cgroup.subtree_control"));
  file("/cgroup/b.slice/pids.events");
  EXPECT_EQ(findings().at("pids.events").level, DoctorLevel::good);
  EXPECT_THAT(findings().at("pids.events").detail, HasSubstr("without pids.events.local"));
}

}  // namespace
}  // namespace cgwarden::cli
