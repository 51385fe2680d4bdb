#include "cgroup/fields.h"

#include <gtest/gtest.h>

#include <set>

#include "cgroup/field_table.h"
#include "cgroup/format.h"

namespace cgwarden::cgroup {
namespace {

struct Read {
  std::vector<std::uint64_t> values = std::vector<std::uint64_t>(fields().size(), 7);
  std::vector<std::uint8_t> present = std::vector<std::uint8_t>(fields().size(), 7);
  explicit Read(const Sample& sample) { read_fields(sample, values, present); }
  [[nodiscard]] std::optional<std::uint64_t> operator[](std::string_view name) const {
    const std::size_t at = field_index(name).value();
    return present[at] == 1 ? std::optional(values[at]) : std::nullopt;
  }
};

TEST(FieldsTest, EachNameStandsOnce) {
  std::set<std::string> names;
  for (const Field& field : fields()) EXPECT_TRUE(names.insert(field.name).second) << field.name;
  EXPECT_FALSE(field_index("no.such"));
}

TEST(FieldsTest, AKeyOfATableIsAField) {
  for (const auto& row : memory_stat_fields()) {
    EXPECT_TRUE(field_index("memory.stat." + std::string(row.key))) << row.key;
  }
  for (const auto& row : cpu_stat_fields()) {
    EXPECT_TRUE(field_index("cpu.stat." + std::string(row.key))) << row.key;
  }
}

TEST(FieldsTest, OfAnEmptySampleAllIsAbsent) {
  const Read read{Sample{}};
  for (std::size_t f = 0; f < fields().size(); ++f) {
    EXPECT_EQ(read.present[f], 0) << fields()[f].name;
    EXPECT_EQ(read.values[f], 0U) << fields()[f].name;
  }
}

TEST(FieldsTest, ValuesAreThoseOfTheSample) {
  Sample sample;
  sample.cpu_stat = parse_cpu_stat("usage_usec 5\nuser_usec 0\nsystem_usec 3\n").value();
  sample.cpu_max = parse_cpu_max("max 100000\n").value();
  sample.memory_max = LimitOf<Bytes>(Max{});
  sample.memory_high = LimitOf<Bytes>(Bytes{4096});
  sample.memory_current = Bytes{12};
  sample.memory_pressure =
      parse_pressure("some avg10=0.00 avg60=0.00 avg300=0.00 total=9\n", "memory.pressure").value();
  sample.io_stat = parse_io_stat("8:0 rbytes=1 wbytes=2\n8:16 rbytes=10\n").value();
  sample.cgroup_events = parse_cgroup_events("populated 1\nfrozen 0\n").value();
  const Read read(sample);
  EXPECT_EQ(read["cpu.stat.usage_usec"], 5U);
  EXPECT_EQ(read["cpu.stat.user_usec"], 0U);
  EXPECT_EQ(read["cpu.stat.nr_periods"], std::nullopt);
  EXPECT_EQ(read["cpu.max.quota_usec"], kNoLimit);
  EXPECT_EQ(read["cpu.max.period_usec"], 100000U);
  EXPECT_EQ(read["memory.max"], kNoLimit);
  EXPECT_EQ(read["memory.high"], 4096U);
  EXPECT_EQ(read["memory.low"], std::nullopt);
  EXPECT_EQ(read["memory.current"], 12U);
  EXPECT_EQ(read["memory.pressure.some_usec"], 9U);
  EXPECT_EQ(read["memory.pressure.full_usec"], std::nullopt);
  EXPECT_EQ(read["io.stat.rbytes"], 11U);
  EXPECT_EQ(read["io.stat.wbytes"], 2U);
  EXPECT_EQ(read["io.stat.dios"], std::nullopt);
  EXPECT_EQ(read["cgroup.events.populated"], 1U);
  EXPECT_EQ(read["cgroup.events.frozen"], 0U);
}

TEST(FieldsTest, KindsAreWhatGrowsAndWhatDoesNot) {
  const auto kind = [](std::string_view name) { return fields()[field_index(name).value()].kind; };
  EXPECT_EQ(kind("cpu.stat.usage_usec"), FieldKind::counter);
  EXPECT_EQ(kind("memory.stat.anon"), FieldKind::gauge);
  EXPECT_EQ(kind("memory.stat.pagetables"), FieldKind::gauge);
  EXPECT_EQ(kind("memory.stat.pgfault"), FieldKind::counter);
  EXPECT_EQ(kind("memory.stat.workingset_refault_anon"), FieldKind::counter);
  EXPECT_EQ(kind("memory.max"), FieldKind::limit);
  EXPECT_EQ(kind("cpu.weight"), FieldKind::limit);
  EXPECT_EQ(kind("cgroup.stat.nr_descendants"), FieldKind::gauge);
}

}  // namespace
}  // namespace cgwarden::cgroup
