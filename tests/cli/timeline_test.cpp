#include "cli/timeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>

#include "cli/dump_writer.h"
#include "cli/recorded.h"

namespace cgwarden::cli {
namespace {

using diagnosis::RecordedCgroup;
using diagnosis::Series;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::uint64_t kBegin = 1'795'608'000'000'000;

RecordedCgroup cgroup_of(std::uint64_t id, const std::string& path = "/a") {
  RecordedCgroup cgroup;
  cgroup.boot = "b";
  cgroup.id = CgroupId{id};
  cgroup.path = path;
  return cgroup;
}

// One sample a second of the named fields, from second `from` on.
Series series_of(const std::vector<std::string>& names, std::uint64_t from, bool start,
                 const std::vector<std::vector<std::optional<std::uint64_t>>>& rows) {
  Series series;
  for (const auto& name : names) {
    series.fields.push_back(cgroup::fields()[cgroup::field_index(name).value()]);
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::vector<std::uint64_t> values;
    std::vector<std::uint8_t> present;
    for (const auto& value : rows[i]) {
      values.push_back(value.value_or(0));
      present.push_back(value ? 1 : 0);
    }
    series.append(Usec(kBegin + (from + i) * 1'000'000), start && i == 0, values, present);
  }
  return series;
}

diagnosis::TimeRange seconds(std::uint64_t count) {
  return {Usec{kBegin}, Usec{kBegin + count * 1'000'000 - 1}};
}

TEST(TimelineTest, RatesGoOnFromPieceToPieceAndNotFromLifeToLife) {
  const std::vector<std::string> names{"cpu.stat.usage_usec"};
  Timeline timeline(seconds(6), 6, names);
  timeline.add(cgroup_of(1), series_of(names, 0, true, {{1000}, {3000}}));
  timeline.add(cgroup_of(1), series_of(names, 2, false, {{6000}}));
  timeline.add(cgroup_of(2), series_of(names, 3, true, {{100}, {101}}));
  const auto rows = timeline.rows();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].columns, (std::vector<std::optional<double>>{std::nullopt, 2000, 3000,
                                                                 std::nullopt, 1, std::nullopt}));
  EXPECT_EQ(rows[0].most, 3000);
}

TEST(TimelineTest, AColumnOfSeveralSamplesIsTheirMeanRateAndTheirLargestAmount) {
  const std::vector<std::string> names{"cpu.stat.usage_usec", "memory.current"};
  Timeline timeline(seconds(4), 2, names);
  timeline.add(cgroup_of(1),
               series_of(names, 0, true, {{0, 5}, {10, 9}, {20, 1}, {50, std::nullopt}}));
  const auto rows = timeline.rows();
  EXPECT_EQ(rows[0].columns, (std::vector<std::optional<double>>{10, 20}));
  EXPECT_EQ(rows[1].columns, (std::vector<std::optional<double>>{9, 1}));
}

TEST(TimelineTest, ThrottlingIsAShareOfPeriodsAndMemoryKnowsItsLimit) {
  Timeline timeline(seconds(3), 3, {});
  auto names = timeline.fields();
  std::vector<std::vector<std::optional<std::uint64_t>>> rows(3);
  for (std::uint64_t i = 0; i < 3; ++i) {
    for (const auto& name : names) {
      std::optional<std::uint64_t> value;
      if (name == "cpu.stat.usage_usec") value = i * 500'000;
      if (name == "cpu.stat.nr_periods") value = i * 10;
      if (name == "cpu.stat.nr_throttled") value = i * 4;
      if (name == "memory.current") value = 100 + i;
      if (name == "memory.max") value = 4096;
      rows[i].push_back(value);
    }
  }
  timeline.add(cgroup_of(1), series_of(names, 0, true, rows));
  for (const auto& row : timeline.rows()) {
    if (row.label == "cpu") {
      EXPECT_EQ(row.most, 0.5);
    } else if (row.label == "throttled") {
      EXPECT_EQ(row.most, 40);
    } else if (row.label == "memory") {
      EXPECT_EQ(row.limit, 4096);
    } else if (row.label == "io pressure") {
      EXPECT_FALSE(row.most);
    }
  }
}

TEST(TimelineTest, ALittleShowsAndWhatIsAbsentIsBlank) {
  const std::vector<std::optional<double>> columns{0, 0.001, 0.5, 1, std::nullopt};
  EXPECT_EQ(sparkline(columns, 1, false), "_.=# ");
  EXPECT_EQ(sparkline(columns, 1, true), "▁▁▄█ ");
  EXPECT_EQ(sparkline(columns, 0, false), "_... ");
}

TEST(ParseFieldsTest, NamesAndTheirBeginnings) {
  EXPECT_THAT(
      parse_fields({"memory.current,cpu.max"}).value(),
      ElementsAre("memory.current", "cpu.max.quota_usec", "cpu.max.period_usec", "cpu.max.burst"));
  EXPECT_THAT(parse_fields({}).value(), ElementsAre());
  for (const char* wrong : {"", "cpu.ma", "memory.current,", "x"}) {
    EXPECT_FALSE(parse_fields({wrong})) << wrong;
  }
}

std::string dumped(const std::string& format, const std::vector<std::string>& names,
                   const RecordedCgroup& cgroup, const Series& series) {
  std::FILE* out = std::tmpfile();
  std::vector<cgroup::Field> fields;
  for (const auto& name : names) fields.push_back(cgroup::fields()[*cgroup::field_index(name)]);
  const auto writer = make_dump_writer(format, fields, out);
  EXPECT_TRUE(writer->begin());
  EXPECT_TRUE(writer->add(cgroup, series));
  EXPECT_TRUE(writer->end());
  std::rewind(out);
  std::string text(65536, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), out));
  std::fclose(out);
  return text;
}

class DumpTest : public ::testing::Test {
 protected:
  const std::vector<std::string> names_{"cpu.stat.usage_usec", "memory.max", "memory.current"};
  const Series series_ = series_of(
      names_, 0, true, {{1'500'000, cgroup::kNoLimit, std::nullopt}, {1'500'001, 4096, 7}});
};

TEST_F(DumpTest, Csv) {
  EXPECT_EQ(dumped("csv", names_, cgroup_of(7, "/a,\"b\""), series_),
            "time,cgroup,id,boot,workload,unit,container,pod,namespace,cpu.stat.usage_usec,"
            "memory.max,memory.current\r\n"
            "1795608000.000,\"/a,\"\"b\"\"\",7,b,,,,,,1500000,max,\r\n"
            "1795608001.000,\"/a,\"\"b\"\"\",7,b,,,,,,1500001,4096,7\r\n");
}

TEST_F(DumpTest, Json) {
  const std::string text = dumped("json", names_, cgroup_of(7), series_);
  EXPECT_THAT(text,
              HasSubstr("\"values\":{\"cpu.stat.usage_usec\":1500000,\"memory.max\":\"max\"}"));
  EXPECT_THAT(text, HasSubstr("{\"version\":1,\"samples\":[\n"));
  EXPECT_TRUE(text.ends_with("\n]}\n"));
}

TEST_F(DumpTest, OpenMetrics) {
  EXPECT_EQ(dumped("openmetrics", names_, cgroup_of(7, "/a\"\n\\\xff"), series_),
            "# TYPE cgwarden_recorded_cpu_stat_usage_seconds counter\n"
            "# UNIT cgwarden_recorded_cpu_stat_usage_seconds seconds\n"
            "# HELP cgwarden_recorded_cpu_stat_usage_seconds cpu.stat.usage_usec as it was "
            "recorded.\n"
            "cgwarden_recorded_cpu_stat_usage_seconds_total{cgroup=\"/a\\\"\\n\\\\\xEF\xBF\xBD\","
            "id=\"7\",boot=\"b\"} 1.500000 1795608000.000\n"
            "cgwarden_recorded_cpu_stat_usage_seconds_total{cgroup=\"/a\\\"\\n\\\\\xEF\xBF\xBD\","
            "id=\"7\",boot=\"b\"} 1.500001 1795608001.000\n"
            "# TYPE cgwarden_recorded_memory_max_bytes gauge\n"
            "# UNIT cgwarden_recorded_memory_max_bytes bytes\n"
            "# HELP cgwarden_recorded_memory_max_bytes memory.max as it was recorded.\n"
            "cgwarden_recorded_memory_max_bytes{cgroup=\"/a\\\"\\n\\\\\xEF\xBF\xBD\",id=\"7\","
            "boot=\"b\"} +Inf 1795608000.000\n"
            "cgwarden_recorded_memory_max_bytes{cgroup=\"/a\\\"\\n\\\\\xEF\xBF\xBD\",id=\"7\","
            "boot=\"b\"} 4096 1795608001.000\n"
            "# TYPE cgwarden_recorded_memory_current_bytes gauge\n"
            "# UNIT cgwarden_recorded_memory_current_bytes bytes\n"
            "# HELP cgwarden_recorded_memory_current_bytes memory.current as it was recorded.\n"
            "cgwarden_recorded_memory_current_bytes{cgroup=\"/a\\\"\\n\\\\\xEF\xBF\xBD\",id=\"7\","
            "boot=\"b\"} 7 1795608001.000\n"
            "# EOF\n");
}

TEST(DumpFamilyTest, EachFamilyHasOneNameThatItsUnitEnds) {
  std::vector<std::string> names;
  for (const auto& field : cgroup::fields()) {
    const DumpFamily family = family_of(field);
    if (!family.unit.empty()) {
      EXPECT_TRUE(family.name.ends_with("_" + family.unit)) << family.name;
    }
    EXPECT_FALSE(family.name.ends_with("_total"));
    EXPECT_EQ(std::ranges::count(names, family.name), 0) << family.name;
    names.push_back(family.name);
  }
  EXPECT_EQ(family_of({"memory.events.oom", cgroup::FieldKind::counter}).unit, "");
  EXPECT_EQ(family_of({"memory.stat.pgfault", cgroup::FieldKind::counter}).unit, "");
  EXPECT_EQ(family_of({"memory.stat.anon", cgroup::FieldKind::gauge}).unit, "bytes");
  EXPECT_EQ(family_of({"io.stat.rios", cgroup::FieldKind::counter}).unit, "");
}

}  // namespace
}  // namespace cgwarden::cli
