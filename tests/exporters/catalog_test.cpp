#include "exporters/catalog.h"

#include <gmock/gmock.h>

#include <limits>
#include <set>

#include "example_view.h"

#include "base/limits.h"
#include "cgroup/memory_stat_keys.h"

namespace cgwarden::exporters {
namespace {

std::vector<Metric> all_metrics() {
  std::vector<Metric> all = agent_metrics();
  all.push_back(block_device_metric());
  for (const auto& metric : cgroup_metrics()) all.push_back(metric.metric);
  for (const auto& metric : workload_metrics()) all.push_back(metric.metric);
  for (const auto& metric : subject_metrics()) all.push_back(metric.metric);
  return all;
}

struct CountingSink : LineSink {
  std::vector<std::string> labels;
  void line(std::string_view text, Value) override { labels.emplace_back(text); }
};

// The lines of a family that depend on what was read, of a cgroup nobody knows more about.
void lines_of(const CgroupMetric& metric, const cgroup::Sample& sample, LineSink& sink) {
  if (metric.visit != nullptr) metric.visit(sample, sink);
  if (metric.describe != nullptr) metric.describe(sample, nullptr, sink);
}

std::string text_of(Value value) {
  std::string out;
  value.append_to(out);
  return out;
}

TEST(Catalog, NamesAreUniqueAlsoAsOpenMetricsFamilies) {
  std::set<std::string> families;
  for (const Metric& metric : all_metrics()) {
    std::string name(metric.name);
    for (const std::string suffix : {"_total", "_info"}) {
      if (name.ends_with(suffix)) name.resize(name.size() - suffix.size());
    }
    EXPECT_TRUE(families.insert(name).second) << metric.name;
  }
  EXPECT_GE(families.size(), 50U);
}

TEST(Catalog, NamesFollowTheRulesOfTheField) {
  for (const Metric& metric : all_metrics()) {
    EXPECT_THAT(std::string(metric.name), testing::MatchesRegex("cgwarden_[a-z][a-z0-9_]*"));
    EXPECT_EQ(metric.name.ends_with("_total"), metric.type == MetricType::counter) << metric.name;
    EXPECT_EQ(metric.name.ends_with("_info"), metric.type == MetricType::info) << metric.name;
    EXPECT_TRUE(metric.help.ends_with('.')) << metric.name;
    if (metric.unit.empty()) continue;
    std::string_view name = metric.name;
    if (name.ends_with("_total")) name.remove_suffix(6);
    EXPECT_TRUE(name.ends_with("_" + std::string(metric.unit))) << metric.name;
  }
}

TEST(Catalog, UnitIsGivenWhereTheNameHasOne) {
  for (const Metric& metric : all_metrics()) {
    for (const std::string unit : {"seconds", "bytes", "cores"}) {
      const bool named =
          metric.name.ends_with("_" + unit) || metric.name.ends_with("_" + unit + "_total");
      EXPECT_EQ(named, metric.unit == unit) << metric.name;
    }
  }
}

TEST(Catalog, EverySeriesReadsAFullSample) {
  const cgroup::Sample sample = grouped_sample("/a", 1);
  for (const CgroupMetric& metric : cgroup_metrics()) {
    if (metric.metric.name == "cgwarden_cgroup_io_devices_dropped") continue;  // own test
    for (const CgroupSeries& series : metric.series) {
      EXPECT_TRUE(series.read(sample)) << metric.metric.name << " " << series.labels;
    }
    CountingSink sink;
    lines_of(metric, sample, sink);
    EXPECT_GE(metric.series.size() + sink.labels.size(), 1U) << metric.metric.name;
    if (metric.group) {
      EXPECT_GE(metric.series.size() + sink.labels.size(), 1U) << metric.metric.name;
      EXPECT_TRUE(metric.visit == nullptr || !sink.labels.empty()) << metric.metric.name;
    }
    for (const auto& label : sink.labels) {
      EXPECT_TRUE(label.starts_with(std::string(metric.label) + "=\"")) << label;
    }
  }
}

TEST(Catalog, EveryGroupHasFamiliesAndTheyStandTogether) {
  std::set<cgroup::FileGroup> seen;
  std::optional<cgroup::FileGroup> last;
  for (const CgroupMetric& metric : cgroup_metrics()) {
    if (metric.group != last) {
      ASSERT_TRUE(metric.group) << metric.metric.name;
      EXPECT_TRUE(seen.insert(*metric.group).second) << metric.metric.name;
    }
    last = metric.group;
  }
  EXPECT_EQ(seen.size(), cgroup::kFileGroups);
}

// Every key of the tables is shown: with its group, or without any.
TEST(Catalog, NoKeyOfMemoryStatIsForgotten) {
  std::set<std::string_view> names;
  for (const CgroupMetric& metric : cgroup_metrics()) names.insert(metric.metric.name);
  const auto shown = [&](std::string_view key) {
    const std::string name = "cgwarden_cgroup_memory_" + std::string(key);
    return names.contains(name + "_bytes") || names.contains(name + "_total");
  };
  for (const auto& row : cgroup::kMemoryStat) EXPECT_TRUE(shown(row.key)) << row.key;
  for (const auto& row : cgroup::kMemoryStatMore) EXPECT_TRUE(shown(row.key)) << row.key;
}

TEST(Catalog, ABareSampleShowsItsIdentityOnly) {
  const cgroup::Sample sample = bare_sample("/a", 77);
  for (const CgroupMetric& metric : cgroup_metrics()) {
    for (const CgroupSeries& series : metric.series) {
      EXPECT_FALSE(series.read(sample)) << metric.metric.name << " " << series.labels;
    }
    CountingSink sink;
    lines_of(metric, sample, sink);
    const bool info = metric.metric.type == MetricType::info;
    EXPECT_THAT(sink.labels,
                testing::ElementsAreArray(info ? std::vector<std::string>{R"(inode="77")"}
                                               : std::vector<std::string>{}))
        << metric.metric.name;
  }
}

TEST(Catalog, MissingKeysOfAReadFileAreMissing) {
  cgroup::Sample sample = bare_sample("/a", 1);
  sample.cpu_stat.emplace();
  sample.memory_stat.emplace();
  sample.memory_events.emplace();
  sample.cpu_pressure.emplace();
  sample.pids_events.emplace();
  sample.cgroup_events.emplace();
  sample.io_stat = {{8, 0, {}, {}, {}, {}, {}, {}}};
  for (const CgroupMetric& metric : cgroup_metrics()) {
    CountingSink sink;
    lines_of(metric, sample, sink);
    if (metric.metric.type != MetricType::info) {
      EXPECT_TRUE(sink.labels.empty()) << metric.metric.name;
    }
    for (const CgroupSeries& series : metric.series) {
      EXPECT_FALSE(series.read(sample)) << metric.metric.name << " " << series.labels;
    }
  }
}

TEST(Catalog, SeriesOfOneCgroupStayWithinTheEstimateOfTheWriter) {
  const cgroup::Sample sample = full_sample("/a", 1);
  CountingSink sink;
  std::size_t fixed = 0;
  for (const CgroupMetric& metric : cgroup_metrics()) {
    if (metric.group) continue;
    fixed += metric.series.size();
    lines_of(metric, sample, sink);
  }
  EXPECT_LE(fixed, 56U);
  EXPECT_EQ(sink.labels.size(), 1U + 2U * 6U);
}

TEST(Catalog, DevicesBeyondTheLimitAreCountedNotShown) {
  cgroup::Sample sample = bare_sample("/a", 1);
  sample.io_stat.emplace();
  for (std::uint32_t i = 0; i < limits::kExportedDevices + 5; ++i) {
    sample.io_stat->push_back({8, i, 1, 1, 1, 1, 1, 1});
  }
  for (const CgroupMetric& metric : cgroup_metrics()) {
    if (metric.label == "device" && !metric.group) {
      CountingSink sink;
      metric.visit(sample, sink);
      EXPECT_EQ(sink.labels.size(), limits::kExportedDevices);
    }
    if (metric.metric.name == "cgwarden_cgroup_io_devices_dropped") {
      const auto dropped = metric.series.at(0).read(sample);
      ASSERT_TRUE(dropped);
      EXPECT_EQ(text_of(*dropped), "5");
    }
  }
}

TEST(Catalog, ListsOfAGroupAreBounded) {
  cgroup::Sample sample = grouped_sample("/a", 1);
  cgroup::GroupedFiles files = *sample.grouped;
  for (std::uint32_t i = 1; i < 100; ++i) {
    files.memory_numa_stat->push_back(files.memory_numa_stat->front());
    files.io_latency->push_back({8, i, 1});
    files.rdma_max->push_back({"r" + std::to_string(i), std::uint64_t{1}, {}});
    files.misc_current->push_back({"m" + std::to_string(i), 1});
    files.cpuset_cpus_effective->text += "," + std::to_string(2 * i);
  }
  sample.grouped = std::make_shared<const cgroup::GroupedFiles>(std::move(files));
  for (const CgroupMetric& metric : cgroup_metrics()) {
    if (!metric.group || metric.visit == nullptr) continue;
    CountingSink sink;
    metric.visit(sample, sink);
    EXPECT_LE(sink.labels.size(), 16U) << metric.metric.name;
    for (const auto& label : sink.labels) EXPECT_LE(label.size(), 300U) << metric.metric.name;
  }
}

TEST(Catalog, LongestDeviceNumbersFit) {
  cgroup::Sample sample = bare_sample("/a", 1);
  sample.io_stat = {{4294967295U, 4294967295U, 1, {}, {}, {}, {}, {}}};
  CountingSink sink;
  for (const CgroupMetric& metric : cgroup_metrics()) {
    if (metric.label == "device" && !metric.group) metric.visit(sample, sink);
  }
  EXPECT_THAT(sink.labels, testing::ElementsAre(R"(device="4294967295:4294967295")"));
}

TEST(Value, IsExactAndShortest) {
  EXPECT_EQ(text_of(Value::count(0)), "0");
  EXPECT_EQ(text_of(Value::count(std::numeric_limits<std::uint64_t>::max())),
            "18446744073709551615");
  EXPECT_EQ(text_of(Value::seconds(Usec{0})), "0");
  EXPECT_EQ(text_of(Value::seconds(Usec{7})), "0.000007");
  EXPECT_EQ(text_of(Value::seconds(Usec{1500000})), "1.5");
  EXPECT_EQ(text_of(Value::seconds(Usec{846811127})), "846.811127");
  EXPECT_EQ(text_of(Value::seconds(Usec{20000000})), "20");
  EXPECT_EQ(text_of(Value::real(0.1)), "0.1");
  EXPECT_EQ(text_of(Value::real(1.5)), "1.5");
}

TEST(Value, SpellsTheSpecialNumbersAsPrometheusReadsThem) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(text_of(Value::real(kInfinity)), "+Inf");
  EXPECT_EQ(text_of(Value::real(-kInfinity)), "-Inf");
  EXPECT_EQ(text_of(Value::real(std::numeric_limits<double>::quiet_NaN())), "NaN");
}

}  // namespace
}  // namespace cgwarden::exporters
