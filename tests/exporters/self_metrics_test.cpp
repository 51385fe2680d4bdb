#include "exporters/self_metrics.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <regex>

#include "golden.h"

#include "exporters/catalog.h"
#include "tests/paths.h"

namespace cgwarden::exporters {
namespace {

using testing::HasSubstr;
using testing::Not;
using enum Exposition;

// The golden must not change with the version or the compiler.
std::string without_build(std::string text) {
  for (const std::string value : {CGWARDEN_VERSION, __VERSION__}) {
    const std::size_t at = text.find("\"" + value + "\"");
    if (at != std::string::npos) text.replace(at + 1, value.size(), "x");
  }
  return text;
}

TEST(SelfMetrics, EverythingIsThereAtZeroFromTheStart) {
  expect_golden(in_source("tests/exporters/golden/agent.txt"),
                without_build(SelfMetrics().render(text_0_0_4)));
}

TEST(SelfMetrics, OpenMetricsFormIsTheGolden) {
  expect_golden(in_source("tests/exporters/golden/agent.openmetrics"),
                without_build(SelfMetrics().render(openmetrics_1_0_0)));
}

TEST(SelfMetrics, ShowsEveryMetricOfTheCatalogAndNoOther) {
  const std::string text = SelfMetrics().render(text_0_0_4);
  std::size_t families = 0;
  for (std::size_t at = text.find("# TYPE "); at != std::string::npos;
       at = text.find("# TYPE ", at + 1)) {
    ++families;
  }
  EXPECT_EQ(families, agent_metrics().size());
  for (const Metric& metric : agent_metrics()) {
    EXPECT_THAT(text, HasSubstr("# TYPE " + std::string(metric.name) + " "));
  }
}

// "file,kind" of the first line of a family; "" without labels. The bounds of a histogram are none.
std::string label_names(const std::string& text, const Metric& metric) {
  std::string name = "\n" + std::string(metric.name);
  if (metric.type == MetricType::histogram) name += "_count";
  const std::size_t at = std::min(text.find(name + "{"), text.find(name + " "));
  if (at == std::string::npos) return "no line of" + name;
  const std::string line = text.substr(at + 1, text.find('\n', at + 1) - at - 1);
  std::string names;
  static const std::regex label(R"(([a-z_]+)="[^"]*")");
  for (std::sregex_iterator found(line.begin(), line.end(), label), end; found != end; ++found) {
    names += (names.empty() ? "" : ",") + found->str(1);
  }
  return names;
}

TEST(SelfMetrics, HasTheLabelsOfTheCatalog) {
  SelfMetrics metrics;
  metrics.collector_run("bpf", Usec{1}, true);
  const std::string text = metrics.render(text_0_0_4);
  for (const Metric& metric : agent_metrics()) {
    EXPECT_EQ(label_names(text, metric), metric.labels) << metric.name;
  }
}

TEST(SelfMetrics, ReadErrorsOfAGroupAreThereAtZeroFromItsChoiceOn) {
  SelfMetrics metrics;
  const std::string series = "cgwarden_agent_read_errors_total{file=\"hugetlb.*.max\",kind=\"io\"}";
  EXPECT_THAT(metrics.render(text_0_0_4), testing::Not(HasSubstr(series)));
  metrics.file_groups({cgroup::FileGroup::hugetlb});
  EXPECT_THAT(metrics.render(text_0_0_4), HasSubstr(series + " 0\n"));
  metrics.read_errors(cgroup::sampled_file("hugetlb.2MB.max"), cgroup::ReadFault::io, 2);
  EXPECT_THAT(metrics.render(text_0_0_4), HasSubstr(series + " 2\n"));
  EXPECT_THAT(metrics.render(text_0_0_4), testing::Not(HasSubstr("misc.max")));
}

TEST(SelfMetrics, CountsWhatHappens) {
  SelfMetrics metrics;
  metrics.tick(Usec{20000}, 12, 3, 4);
  metrics.policy_reload(false);
  metrics.policy_write(true);
  metrics.policy_write(true);
  metrics.policy_write(false);
  metrics.policy_pending(9, 1, 1, 7);
  metrics.policy_pending(3, 2, 4, 5);
  metrics.policy_drift(true, false);
  metrics.policy_drift(true, true);
  metrics.policy_drift(false, false);
  metrics.policy_adapt("cpu", "backlog");
  metrics.policy_adapt("cpu", "backlog");
  metrics.policy_adapt("stall", "kill");
  metrics.policy_adapt("stall", "backlog");  // there is no such one
  metrics.policy_adapt("kill", "over_budget");
  metrics.policy_adapted(3);
  metrics.policy_oom_forecasts(2, Usec{90'000'000});
  metrics.store_error();
  metrics.verdicts_waiting(9, 2);
  metrics.verdicts_waiting(8, 3);
  metrics.recorder({10, 1, 2, 3, 4096});
  metrics.recorder({15, 1, 2, 4, 8192});
  metrics.kmsg_lost(7);
  metrics.identity_errors(5);
  metrics.subjects_dropped(6);
  metrics.scrape(Usec{1000}, 4096);
  metrics.workloads_running(2);
  const std::string text = metrics.render(text_0_0_4);
  for (const char* line : {
           "cgwarden_agent_tick_duration_seconds_sum 0.02\n",
           "cgwarden_agent_tick_duration_seconds_count 1\n",
           "cgwarden_agent_tick_duration_seconds_bucket{le=\"0.01\"} 0\n",
           "cgwarden_agent_tick_duration_seconds_bucket{le=\"0.05\"} 1\n",
           "cgwarden_agent_tick_duration_seconds_bucket{le=\"+Inf\"} 1\n",
           "cgwarden_agent_cgroups 12\n",
           "cgwarden_agent_cgroups_left_out 3\n",
           "cgwarden_agent_unreadable_files 4\n",
           "cgwarden_agent_policy_reloads_total{result=\"failure\"} 1\n",
           "cgwarden_agent_policy_reloads_total{result=\"success\"} 0\n",
           "cgwarden_agent_policy_last_reload_successful 0\n",
           "cgwarden_agent_policy_writes_total{result=\"success\"} 2\n",
           "cgwarden_agent_policy_writes_total{result=\"failure\"} 1\n",
           "cgwarden_agent_policy_pending_writes{state=\"planned\"} 3\n",
           "cgwarden_agent_policy_pending_writes{state=\"failed\"} 2\n",
           "cgwarden_agent_policy_pending_writes{state=\"skipped\"} 4\n",
           "cgwarden_agent_policy_pending_writes{state=\"deferred\"} 5\n",
           "cgwarden_agent_policy_drift_found_total 2\n",
           "cgwarden_agent_policy_drift_repaired_total 1\n",
           "cgwarden_agent_policy_adapt_decisions_total{loop=\"cpu\",reason=\"backlog\"} 2\n",
           "cgwarden_agent_policy_adapt_decisions_total{loop=\"cpu\",reason=\"unused\"} 0\n",
           "cgwarden_agent_policy_adapt_decisions_total{loop=\"stall\",reason=\"kill\"} 1\n",
           "cgwarden_agent_policy_adapt_decisions_total{loop=\"kill\",reason=\"over_budget\"} 1\n",
           "cgwarden_agent_policy_adapted_cgroups 3\n",
           "cgwarden_agent_policy_oom_forecasts 2\n",
           "cgwarden_agent_policy_oom_forecast_seconds 90\n",
           "cgwarden_agent_store_errors_total 1\n",
           "cgwarden_agent_verdicts_waiting 8\n",
           "cgwarden_agent_verdicts_dropped_total 3\n",
           "cgwarden_agent_recorder_samples_total 15\n",
           "cgwarden_agent_recorder_dropped_samples_total{reason=\"cap\"} 1\n",
           "cgwarden_agent_recorder_dropped_samples_total{reason=\"ring\"} 2\n",
           "cgwarden_agent_recorder_dropped_samples_total{reason=\"disk\"} 4\n",
           "cgwarden_agent_recorder_bytes 8192\n",
           "cgwarden_agent_kmsg_lost_records_total 7\n",
           "cgwarden_agent_identity_errors_total 5\n",
           "cgwarden_agent_subjects_dropped_total 6\n",
           "cgwarden_agent_scrape_bytes_total 4096\n",
           "cgwarden_agent_workloads_running 2\n",
       }) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

}  // namespace
}  // namespace cgwarden::exporters
