#include "cli/doctor_sources.h"

#include <gmock/gmock.h>

#include <map>

#include "agent/event_sources.h"
#include "tests/temporary_directory.h"

namespace cgwarden::cli {
namespace {

using agent::EventSource;
using agent::SourceState;
using testing::HasSubstr;

TEST(DoctorSources, EachSourceIsAFinding) {
  const TemporaryDirectory directory;
  const std::string path = agent::event_sources_path(directory.path());
  agent::EventSources sources(path);
  sources.set(EventSource::tree, {SourceState::off,
                                  "new cgroups are found by polling every 1s only, since watches "
                                  "ran out: raise /proc/sys/fs/inotify/max_user_watches"});
  sources.set(EventSource::signals, {SourceState::live, "on 4 processors"});
  sources.set(EventSource::pressure, {SourceState::unused, "no policy in force asks for one"});
  ASSERT_TRUE(sources.publish());
  std::map<std::string, DoctorFinding> found;
  for (auto& finding : source_findings(path)) found[finding.subject] = std::move(finding);
  EXPECT_EQ(found.size(), agent::kEventSourceCount);

  const auto& tree = found["hears tree"];
  EXPECT_EQ(tree.level, DoctorLevel::limited);
  EXPECT_THAT(tree.detail, HasSubstr("off: "));
  EXPECT_THAT(tree.detail, HasSubstr("max_user_watches"));
  EXPECT_EQ(tree.cost, row_of(EventSource::tree).costs);

  const auto& signals = found["hears signals"];
  EXPECT_EQ(signals.level, DoctorLevel::good);
  EXPECT_THAT(signals.detail, HasSubstr("on 4 processors"));
  EXPECT_EQ(signals.cost, "");

  const auto& pressure = found["hears pressure"];
  EXPECT_EQ(pressure.level, DoctorLevel::good);
  EXPECT_THAT(pressure.detail, HasSubstr("unused: "));
}

TEST(DoctorSources, NoTableIsSaid) {
  const TemporaryDirectory directory;
  const auto findings = source_findings(directory.path() + "/sources.json");
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings.front().level, DoctorLevel::limited);
  EXPECT_THAT(findings.front().cost, HasSubstr("not known"));
}

}  // namespace
}  // namespace cgwarden::cli
