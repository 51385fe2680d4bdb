// What `policy simulate` makes of recorded samples, and what it prints.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "cgroup/fields.h"
#include "cli/simulation_report.h"
#include "tests/cli/command.h"

namespace cgwarden::cli {
namespace {

using ::testing::HasSubstr;

constexpr std::uint64_t kFirstSecond = 1'795'608'000'000'000;
using Row = std::array<std::uint64_t, 7>;  // by RecordedUsage::fields()

diagnosis::RecordedCgroup recorded_cgroup(std::uint64_t id) {
  diagnosis::RecordedCgroup cgroup;
  cgroup.boot = "b";
  cgroup.id = CgroupId{id};
  cgroup.path = "/web";
  return cgroup;
}

diagnosis::Series usage_series(std::uint64_t from, bool start, const std::vector<Row>& rows) {
  diagnosis::Series series;
  for (const auto& name : RecordedUsage::fields()) {
    series.fields.push_back(cgroup::fields()[cgroup::field_index(name).value()]);
  }
  const std::vector<std::uint8_t> present(RecordedUsage::fields().size(), 1);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    series.append(Usec{kFirstSecond + (from + i) * 1'000'000}, start && i == 0, rows[i], present);
  }
  return series;
}

TEST(RecordedUsageTest, GrowthBetweenSamplesUnderTheLimitOfThatTime) {
  RecordedUsage usage;
  EXPECT_TRUE(usage.add(
      recorded_cgroup(1),
      usage_series(0, true,
                   {{100, 10, 1, 50, 50000, 100000, 0}, {400, 20, 3, 90, 80000, 100000, 40000}})));
  ASSERT_EQ(usage.samples().size(), 1U);
  const auto& sample = usage.samples()[0];
  EXPECT_EQ(sample.length, Usec{1'000'000});
  EXPECT_EQ(sample.usage, Usec{300});
  EXPECT_EQ(sample.nr_periods, 10U);
  EXPECT_EQ(sample.nr_throttled, 2U);
  EXPECT_EQ(sample.throttled, Usec{40});
  EXPECT_EQ(std::get<Usec>(sample.max->quota), Usec{50000});
  EXPECT_EQ(usage.counted()->throttled, 2U);
}

TEST(RecordedUsageTest, APieceGoesOnAndAnotherLifeDoesNot) {
  RecordedUsage usage;
  const std::uint64_t none = cgroup::kNoLimit;
  usage.add(recorded_cgroup(1), usage_series(0, true, {{100, 0, 0, 0, none, 100000, 0}}));
  usage.add(recorded_cgroup(1), usage_series(1, false, {{300, 0, 0, 0, none, 100000, 0}}));
  ASSERT_EQ(usage.samples().size(), 1U);
  EXPECT_EQ(usage.samples()[0].usage, Usec{200});
  EXPECT_TRUE(is_max(usage.samples()[0].max->quota));
  usage.add(recorded_cgroup(2), usage_series(2, false, {{900, 0, 0, 0, none, 100000, 0}}));
  usage.add(recorded_cgroup(2), usage_series(3, true, {{950, 0, 0, 0, none, 100000, 0}}));
  EXPECT_EQ(usage.samples().size(), 1U);
}

SimulationView some_view() {
  SimulationView view;
  view.name = "web";
  view.cgroup = "/cgwarden.slice/web.scope/payload";
  view.from = Usec{kFirstSecond};
  view.until = Usec{kFirstSecond + 60'000'000};
  view.length = Usec{60'000'000};
  view.used = Usec{30'000'000};
  view.samples = 60;
  view.counted = RecordedUsage::Counted{600, 60, Usec{3'000'000}};
  const policy::simulation::CpuSetting setting{{Usec{50000}, Usec{100000}}, Usec{50000}};
  const std::vector<policy::simulation::Demand> even{{60'000'000, 0.5}};
  const std::vector<policy::simulation::Demand> packed{{30'000'000, 1}, {30'000'000, 0}};
  view.rows.push_back(
      {setting, replay(even, setting), replay(even, setting), replay(packed, setting)});
  view.recommends = true;
  return view;
}

TEST(SimulationReportTest, TheTableHasWhatWasRecordedAndTheRange) {
  const std::string text = simulation_text(some_view());
  EXPECT_THAT(text, HasSubstr("0.500 CPUs used"));
  EXPECT_THAT(text, ::testing::ContainsRegex("recorded +10\\.0 % +0\\.050"));
  EXPECT_THAT(text, ::testing::ContainsRegex("50000 100000 \\+50000 +0\\.50 +0\\.0 % \\(0\\.0 %-"));
  EXPECT_THAT(text, HasSubstr("cpu: {max: 50000us/100000us, burst: 50000us}"));
}

TEST(SimulationReportTest, JsonHasTheNumbers) {
  const auto document = nlohmann::json::parse(simulation_json(some_view()));
  EXPECT_EQ(document["version"], 1);
  EXPECT_EQ(document["settings"][0]["setting"]["quota_usec"], 50000);
  EXPECT_EQ(document["settings"][0]["likely"]["nr_throttled"], 0);
  EXPECT_EQ(document["settings"][0]["even"]["nr_throttled"], 0);
  EXPECT_GT(document["settings"][0]["packed"]["nr_throttled"], 0);
}

TEST(PolicySimulateTest, WrongValuesAreRefusedWithWhatToWrite) {
  for (const auto& [words, said] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"policy", "simulate", "web", "--cpu-max", "50%"}, "--cpu-max 50%"},
           {{"policy", "simulate", "web", "--burst", "50"}, "--burst 50"},
           {{"policy", "recommend", "web", "--period", "2s"}, "1ms to 1s"},
           {{"policy", "recommend", "web", "--throttled-share", "nan"}, "nan is not a number"},
           {{"policy", "recommend", "web", "--lost-cpus", "nan"}, "nan is not a number"},
           {{"policy", "recommend", "web", "--delay-p99", "x"}, "--delay-p99 x"}}) {
    const Outcome refused = cgwarden(words);
    EXPECT_EQ(refused.exit_code, 2) << said;
    EXPECT_THAT(refused.err, HasSubstr(said));
  }
}

}  // namespace
}  // namespace cgwarden::cli
