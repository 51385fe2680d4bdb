#include "exporters/metrics.h"

#include <gmock/gmock.h>

#include <set>

#include "example_view.h"
#include "golden.h"

#include "base/text.h"
#include "cgroup/grouped_files.h"
#include "exporters/escape.h"
#include "tests/paths.h"

namespace cgwarden::exporters {
namespace {

using testing::HasSubstr;
using testing::Not;
using enum Exposition;

TEST(Metrics, TextFormatIsTheGolden) {
  expect_golden(in_source("tests/exporters/golden/metrics.txt"),
                render_metrics(example_view(), text_0_0_4));
}

TEST(Metrics, OpenMetricsFormatIsTheGolden) {
  expect_golden(in_source("tests/exporters/golden/metrics.openmetrics"),
                render_metrics(example_view(), openmetrics_1_0_0));
}

TEST(Metrics, AllGroupsAreTheGolden) {
  View view = view_of({grouped_sample("/a", 1)});
  view.groups = cgroup::FileGroups::all();
  expect_golden(in_source("tests/exporters/golden/groups.txt"), render_metrics(view, text_0_0_4));
  expect_golden(in_source("tests/exporters/golden/groups.openmetrics"),
                render_metrics(view, openmetrics_1_0_0));
}

TEST(Metrics, AGroupIsShownOnlyWhereItIsAskedFor) {
  View view = view_of({grouped_sample("/a", 1)});
  const std::string none = render_metrics(view, text_0_0_4);
  EXPECT_EQ(none.find("hugetlb"), std::string::npos);
  EXPECT_EQ(none.find("swap_peak"), std::string::npos);
  view.groups = {cgroup::FileGroup::hugetlb};
  const std::string one = render_metrics(view, text_0_0_4);
  EXPECT_THAT(one, HasSubstr("\ncgwarden_cgroup_hugetlb_current_bytes{cgroup=\"/a\","
                             "pagesize=\"2MB\"} 2097152\n"));
  EXPECT_EQ(one.find("misc"), std::string::npos);
  EXPECT_TRUE(one.starts_with(none.substr(0, none.size() - 1)));
}

TEST(Metrics, MaxAndEmptyListsOfAGroupHaveNoLine) {
  cgroup::Sample sample = bare_sample("/a", 1);
  cgroup::GroupedFiles files;
  files.hugetlb = {{"2MB", {}, Max{}, {}, {}, {}, {}}};
  files.misc_max = {{{"sev", Max{}}}};
  files.cpuset_cpus = cgroup::IdList{};
  files.cpuset_cpus_effective = cgroup::IdList{};
  files.cpu_uclamp_max = LimitOf<cgroup::Percent>{Max{}};
  files.cgroup_max_depth = LimitOf<std::uint64_t>{Max{}};
  sample.grouped = std::make_shared<const cgroup::GroupedFiles>(std::move(files));
  View view = view_of({sample});
  view.groups = cgroup::FileGroups::all();
  const std::string text = render_metrics(view, text_0_0_4);
  for (const char* word : {"hugetlb", "misc", "cpuset_cpus{", "uclamp", "max_depth"}) {
    EXPECT_THAT(text, Not(HasSubstr(word)));
  }
  EXPECT_THAT(text, HasSubstr("cpuset_cpus_effective{cgroup=\"/a\",list=\"\"} 0\n"));
}

TEST(Metrics, HostileNamesBecomeValidLabels) {
  const std::string text = render_metrics(example_view(), text_0_0_4);
  EXPECT_THAT(text, HasSubstr(R"(cgroup="/evil\"\\\n\\xff\\x1b[31mé")"));
}

TEST(Metrics, EveryByteAsANameKeepsOneSampleOnOneLine) {
  std::string name = "/";
  for (int byte = 1; byte < 256; ++byte) name += static_cast<char>(byte);
  const std::string text = render_metrics(view_of({bare_sample(name, 1)}), text_0_0_4);
  EXPECT_EQ(split(text, '\n').size(), 4U) << text;  // HELP, TYPE, the sample, the end
  EXPECT_EQ(text.find('\0'), std::string::npos);
}

TEST(Metrics, ALimitOfMaxHasNoLine) {
  cgroup::Sample sample = bare_sample("/a", 1);
  sample.memory_max = LimitOf<Bytes>{Max{}};
  sample.cpu_max = cgroup::CpuMax{.quota = Max{}, .period = Usec{100000}};
  const std::string text = render_metrics(view_of({sample}), text_0_0_4);
  EXPECT_THAT(text, Not(HasSubstr("memory_max")));
  EXPECT_THAT(text, Not(HasSubstr("cpu_max_cores")));
  EXPECT_THAT(text, HasSubstr("cgwarden_cgroup_cpu_max_period_seconds{cgroup=\"/a\"} 0.1\n"));
}

TEST(Metrics, ALimitOfZeroHasALine) {
  cgroup::Sample sample = bare_sample("/a", 1);
  sample.memory_max = Bytes{0};
  EXPECT_THAT(render_metrics(view_of({sample}), text_0_0_4),
              HasSubstr("cgwarden_cgroup_memory_max_bytes{cgroup=\"/a\"} 0\n"));
}

TEST(Metrics, WorkingSetIsNeverBelowZero) {
  cgroup::Sample sample = bare_sample("/a", 1);
  sample.memory_current = Bytes{10};
  sample.memory_stat.emplace().inactive_file = 11;
  EXPECT_THAT(render_metrics(view_of({sample}), text_0_0_4),
              HasSubstr("cgwarden_cgroup_memory_working_set_bytes{cgroup=\"/a\"} 0\n"));
}

TEST(Metrics, TheInfoSaysWhoseTheCgroupIs) {
  const std::string id(64, 'a');
  const std::string path = "/kubepods/burstable/pod1/" + id;
  View view = view_of({bare_sample(path, 5), bare_sample("/mine", 6)});
  identify(view, id,
           {.runtime = "containerd",
            .container = "nginx",
            .pod = "web",
            .pod_uid = "1",
            .pod_namespace = "sh\"op",
            .image = "nginx:1"});
  const std::string text = render_metrics(view, text_0_0_4);
  EXPECT_THAT(text, HasSubstr("cgwarden_cgroup_info{cgroup=\"" + path +
                              "\",inode=\"5\",kind=\"container\",runtime=\"containerd\","
                              "container=\"nginx\",container_id=\"" +
                              id +
                              "\",pod=\"web\",pod_uid=\"1\",namespace=\"sh\\\"op\","
                              "image=\"nginx:1\"} 1\n"));
  EXPECT_THAT(text,
              HasSubstr("cgwarden_cgroup_info{cgroup=\"/mine\",inode=\"6\",kind=\"group\"} 1\n"));
}

TEST(Metrics, AnEmptyViewIsAnEmptyPage) {
  EXPECT_EQ(render_metrics(View{}, text_0_0_4), "");
  EXPECT_EQ(render_metrics(view_of({}), openmetrics_1_0_0), "");
}

TEST(Metrics, WorkloadCountersAreBornAtZero) {
  View view;
  view.workloads = {born_workload("fresh")};
  const std::string text = render_metrics(view, text_0_0_4);
  for (const auto verdict : diagnosis::all_verdict_classes()) {
    if (!diagnosis::is_of_death(verdict)) continue;
    EXPECT_THAT(text, HasSubstr("cgwarden_workload_deaths_total{workload=\"fresh\",verdict=\"" +
                                std::string(diagnosis::to_string(verdict)) + "\"} 0\n"));
  }
  for (const std::string reason : {"exit", "signal", "oom", "launch_failure"}) {
    EXPECT_THAT(text, HasSubstr("cgwarden_workload_restarts_total{workload=\"fresh\",reason=\"" +
                                reason + "\"} 0\n"));
  }
  for (const std::string name :
       {"oom_kills", "starts", "throttled_seconds", "memory_high_events"}) {
    EXPECT_THAT(text, HasSubstr("cgwarden_workload_" + name + "_total{workload=\"fresh\"} 0\n"));
  }
  EXPECT_THAT(text, HasSubstr("cgwarden_workload_running{workload=\"fresh\"} 0\n"));
}

// HELP and TYPE once, before the samples, samples of a family together, no family without samples.
TEST(Metrics, FamiliesAreGrouped) {
  for (const Exposition exposition : {text_0_0_4, openmetrics_1_0_0}) {
    const std::string text = render_metrics(example_view(), exposition);
    std::set<std::string> seen;
    std::string family;
    bool header = true;
    for (const std::string_view line : split(text, '\n')) {
      if (line.empty()) continue;
      if (line.starts_with("# HELP ")) {
        EXPECT_TRUE(family.empty() || !header) << "no samples in " << family;
        family = std::string(line.substr(7, line.find(' ', 7) - 7));
        EXPECT_TRUE(seen.insert(family).second) << family;
        header = true;
      } else if (line.starts_with("# ")) {
        EXPECT_TRUE(header) << line;
        EXPECT_EQ(line.substr(7, line.find(' ', 7) - 7), family);
      } else {
        header = false;
        const auto name = line.substr(0, line.find('{'));
        EXPECT_TRUE(name == family || name == family + "_total" || name == family + "_info")
            << line;
      }
    }
  }
}

TEST(Metrics, OpenMetricsDeclaresFamiliesWithoutSuffix) {
  const std::string text = render_metrics(example_view(), openmetrics_1_0_0);
  EXPECT_THAT(text, HasSubstr("# TYPE cgwarden_cgroup_cpu_usage_seconds counter\n"
                              "# UNIT cgwarden_cgroup_cpu_usage_seconds seconds\n"
                              "cgwarden_cgroup_cpu_usage_seconds_total{"));
  EXPECT_THAT(text, HasSubstr("# TYPE cgwarden_cgroup info\ncgwarden_cgroup_info{"));
  EXPECT_THAT(text, Not(HasSubstr("# EOF")));  // the endpoint's, after the agent's own metrics
}

TEST(Escape, HelpQuotesOnlyInOpenMetrics) {
  EXPECT_EQ(escape_help("a \"b\" \\ \n", text_0_0_4), R"(a "b" \\ \n)");
  EXPECT_EQ(escape_help("a \"b\" \\ \n", openmetrics_1_0_0), R"(a \"b\" \\ \n)");
}

}  // namespace
}  // namespace cgwarden::exporters
