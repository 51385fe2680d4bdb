#include "exporters/cadvisor.h"

#include <gmock/gmock.h>

#include <set>

#include "example_view.h"
#include "golden.h"

#include "exporters/published_view.h"
#include "tests/paths.h"

namespace cgwarden::exporters {
namespace {

using testing::HasSubstr;
using testing::Not;
using enum Exposition;

const std::string kNginx(64, 'a');
const std::string kPause(64, 'b');
const std::string kPod = "/kubepods.slice/kubepods-pod1.slice";
const std::string kScope = kPod + "/cri-containerd-" + kNginx + ".scope";
const identity::Names kNames{.runtime = "containerd",
                             .container = "nginx",
                             .pod = "web",
                             .pod_uid = "1",
                             .pod_namespace = "shop",
                             .image = "nginx:1"};

// A pod with a container, one more cgroup inside it, and a service; at second 1000.
View node() {
  View view;
  view.snapshot = std::make_shared<const cgroup::Snapshot>(
      TimePoint{Usec{1}, Usec{1'000'000'000}},
      std::vector{bare_sample("/", 1), bare_sample(kPod, 2), full_sample(kScope, 3),
                  full_sample(kScope + "/inner", 4), full_sample("/system.slice/ssh.service", 5)});
  view.device_names =
      std::make_shared<const identity::DeviceNames>(identity::DeviceNames{{{8, 0}, "sda"}});
  identify(view, kNginx, kNames);
  return view;
}

std::string labels_of(const std::string& path, const identity::Names& names) {
  identity::Known known{identity::completed(identity::of_path(path), names)};
  return cadvisor_labels(bare_sample(path, 1), &known);
}

TEST(Cadvisor, TheTextFormatIsTheGolden) {
  expect_golden(in_source("tests/exporters/golden/cadvisor.txt"),
                render_cadvisor(node(), text_0_0_4));
}

TEST(Cadvisor, TheOpenMetricsFormatIsTheGolden) {
  expect_golden(in_source("tests/exporters/golden/cadvisor.openmetrics"),
                render_cadvisor(node(), openmetrics_1_0_0));
}

TEST(Cadvisor, LabelsAreKubeletsForPods) {
  EXPECT_EQ(labels_of(kScope, kNames),
            "id=\"" + kScope + "\",name=\"" + kNginx +
                R"(",image="nginx:1",container="nginx",pod="web",namespace="shop")");
  // A pod's own cgroup and its sandbox have no container: sums over containers leave them out.
  const identity::Names pod{.pod = "web", .pod_namespace = "shop"};
  EXPECT_EQ(labels_of(kPod, pod), "id=\"" + kPod + R"(",pod="web",namespace="shop")");
  identity::Names sandbox = pod;
  sandbox.sandbox = true;
  sandbox.image = "pause:3";
  const std::string scope = kPod + "/cri-containerd-" + kPause + ".scope";
  EXPECT_EQ(labels_of(scope, sandbox), "id=\"" + scope + "\",name=\"" + kPause +
                                           R"(",image="pause:3",pod="web",namespace="shop")");
}

TEST(Cadvisor, LabelsAreDockersWithoutKubernetes) {
  const std::string path = "/docker/" + kNginx;
  EXPECT_EQ(labels_of(path, {.container = "web", .image = "nginx:1"}),
            "id=\"" + path + R"(",name="web",image="nginx:1")");
  EXPECT_EQ(labels_of(path, {}), "id=\"" + path + "\",name=\"" + kNginx + "\"");
  EXPECT_EQ(labels_of("/system.slice/ssh.service", {}), R"(id="/system.slice/ssh.service")");
  EXPECT_EQ(cadvisor_labels(bare_sample("/a\"b", 1), nullptr), R"(id="/a\"b")");
}

TEST(Cadvisor, WhatIsInsideAContainerIsNotCountedTwice) {
  const std::string text = render_cadvisor(node(), text_0_0_4);
  EXPECT_THAT(text, HasSubstr("container_memory_usage_bytes{id=\"" + kScope + "/inner\"} "));
  std::size_t named = 0;
  for (std::size_t at = text.find("\ncontainer_memory_usage_bytes{"); at != std::string::npos;
       at = text.find("\ncontainer_memory_usage_bytes{", at + 1)) {
    const auto line = text.substr(at, text.find('\n', at + 1) - at);
    if (line.find("container=\"nginx\"") != std::string::npos) ++named;
  }
  EXPECT_EQ(named, 1U);
}

// The families that dashboards, rules and alerts in the wild ask for and a cgroup can tell.
TEST(Cadvisor, EveryNameThatKubernetesMixinAsksForIsThere) {
  const std::string text = render_cadvisor(node(), text_0_0_4);
  const std::string who = "id=\"" + kScope + "\",name=\"" + kNginx +
                          R"(",image="nginx:1",container="nginx",pod="web",namespace="shop")";
  for (const std::string name :
       {"cpu_cfs_periods_total", "cpu_cfs_throttled_periods_total",
        "cpu_cfs_throttled_seconds_total", "memory_working_set_bytes", "memory_rss", "memory_cache",
        "memory_swap", "oom_events_total", "last_seen", "spec_memory_limit_bytes", "spec_cpu_quota",
        "spec_cpu_period", "pressure_cpu_waiting_seconds_total",
        "pressure_cpu_stalled_seconds_total", "pressure_memory_waiting_seconds_total",
        "pressure_memory_stalled_seconds_total", "pressure_io_waiting_seconds_total",
        "pressure_io_stalled_seconds_total"}) {
    EXPECT_THAT(text, HasSubstr("\ncontainer_" + name + "{" + who + "} ")) << name;
  }
  EXPECT_THAT(text, HasSubstr("\ncontainer_cpu_usage_seconds_total{" + who + ",cpu=\"total\"} "));
  for (const std::string name : {"reads", "writes", "reads_bytes", "writes_bytes"}) {
    EXPECT_THAT(text,
                HasSubstr("\ncontainer_fs_" + name + "_total{" + who + ",device=\"/dev/sda\"} "));
  }
  EXPECT_THAT(text, HasSubstr(",device=\"259:16\"} "));  // nobody knows its name
  EXPECT_THAT(text, HasSubstr("\ncontainer_last_seen{" + who + "} 1000\n"));
  // Not of cgroups: the network's namespace has these.
  EXPECT_THAT(text, Not(HasSubstr("container_network_")));
}

TEST(Cadvisor, WithoutAQuotaThereIsNoThrottling) {
  cgroup::Sample sample = full_sample("/a", 1);
  sample.cpu_max->quota = Max{};
  sample.memory_max = LimitOf<Bytes>{Max{}};
  const std::string text = render_cadvisor(view_of({sample}), text_0_0_4);
  EXPECT_THAT(text, Not(HasSubstr("container_cpu_cfs_")));
  EXPECT_THAT(text, Not(HasSubstr("container_spec_cpu_quota")));
  EXPECT_THAT(text, HasSubstr("container_spec_memory_limit_bytes{id=\"/a\"} 0\n"));
}

TEST(Cadvisor, TheLastValuesOfOneThatWentAreOfTheSameSeries) {
  identity::IdentityBook book;
  View view = view_of({full_sample(kScope, 3)});
  book.observe(*view.snapshot, TimePoint{});
  for (const auto& question : book.questions(TimePoint{})) book.answer(question, kNames, {});
  view.identities = book.table();
  const auto before = page_rows(view, PageKind::cadvisor).cgroup_labels;
  ASSERT_EQ(before.size(), 1U);
  EXPECT_THAT(before[0], HasSubstr("container=\"nginx\""));
  view.snapshot = std::make_shared<const cgroup::Snapshot>(
      TimePoint{}, std::vector<cgroup::Sample>{}, 0, std::vector{full_sample(kScope, 3)}, 2);
  book.observe(*view.snapshot, TimePoint{});
  view.identities = book.table();
  EXPECT_EQ(page_rows(view, PageKind::cadvisor).cgroup_labels, before);
}

// A counter of the kernel as it is: one that takes another's place after a group kill would fall.
TEST(Cadvisor, OomEventsNeverFall) {
  cgroup::Sample sample = bare_sample("/a", 1);
  sample.memory_events.emplace().oom_kill = 5;
  EXPECT_THAT(render_cadvisor(view_of({sample}), text_0_0_4),
              HasSubstr("container_oom_events_total{id=\"/a\"} 5\n"));
  sample.memory_events->oom_group_kill = 0;
  EXPECT_THAT(render_cadvisor(view_of({sample}), text_0_0_4),
              HasSubstr("container_oom_events_total{id=\"/a\"} 5\n"));
  sample.memory_events->oom_group_kill = 2;
  EXPECT_THAT(render_cadvisor(view_of({sample}), text_0_0_4),
              HasSubstr("container_oom_events_total{id=\"/a\"} 5\n"));
}

TEST(Cadvisor, TheStartIsKnownOfWhatAppearedUnderOurEyes) {
  View view = view_of({bare_sample("/old", 1), bare_sample("/new", 2)});
  identity::IdentityBook book;
  book.observe(*view_of({bare_sample("/old", 1)}).snapshot, TimePoint{});
  book.observe(*view.snapshot, TimePoint{Usec{5}, Usec{7'500'000}});
  view.identities = book.table();
  const std::string text = render_cadvisor(view, text_0_0_4);
  EXPECT_THAT(text, HasSubstr("container_start_time_seconds{id=\"/new\"} 7.5\n"));
  EXPECT_THAT(text, Not(HasSubstr("container_start_time_seconds{id=\"/old\"}")));
}

TEST(Cadvisor, NothingIsMadeUp) {
  EXPECT_EQ(render_cadvisor(View{}, text_0_0_4), "");
  const std::string text = render_cadvisor(view_of({bare_sample("/a", 1)}), text_0_0_4);
  std::set<std::string> names;
  for (std::size_t at = text.find("# TYPE "); at != std::string::npos;
       at = text.find("# TYPE ", at + 1)) {
    names.insert(text.substr(at + 7, text.find(' ', at + 7) - at - 7));
  }
  EXPECT_THAT(names, testing::ElementsAre("container_last_seen"));
}

TEST(Cadvisor, HugePagesAreShownWhereTheyAreRead) {
  const std::string text = render_cadvisor(view_of({grouped_sample("/a", 1)}), text_0_0_4);
  EXPECT_THAT(text, HasSubstr("container_hugetlb_usage_bytes{id=\"/a\",pagesize=\"2MB\"} "
                              "2097152\n"));
  EXPECT_THAT(text, HasSubstr("container_hugetlb_failcnt{id=\"/a\",pagesize=\"2MB\"} 33\n"));
  EXPECT_EQ(render_cadvisor(view_of({full_sample("/a", 1)}), text_0_0_4).find("hugetlb"),
            std::string::npos);
}

TEST(Cadvisor, NamesAreUniqueAndCountersAreTotals) {
  std::set<std::string_view> names;
  for (const auto& metric : cadvisor_metrics()) {
    EXPECT_TRUE(names.insert(metric.metric.name).second) << metric.metric.name;
    EXPECT_TRUE(metric.metric.name.starts_with("container_")) << metric.metric.name;
    EXPECT_EQ(metric.metric.name.ends_with("_total"), metric.metric.type == MetricType::counter);
    EXPECT_TRUE(metric.metric.help.ends_with('.')) << metric.metric.name;
  }
  EXPECT_GE(names.size(), 30U);
}

// Dashboards tell by it who is gone.
TEST(Cadvisor, AGoneCgroupIsNotSeenAnyMore) {
  View view;
  view.snapshot = std::make_shared<const cgroup::Snapshot>(TimePoint{Usec{1}, Usec{1'000'000'000}},
                                                           std::vector{bare_sample("/", 1)}, 0,
                                                           std::vector{bare_sample("/gone", 2)}, 7);
  identity::Known gone{identity::of_path("/gone")};
  gone.last_seen = Usec{990'000'000};
  identity::Table::Map known;
  known.emplace(2, std::make_shared<const identity::Known>(std::move(gone)));
  view.identities = std::make_shared<const identity::Table>(std::move(known));
  const std::string page = render_cadvisor(view, text_0_0_4);
  EXPECT_THAT(page, HasSubstr("container_last_seen{id=\"/\"} 1000\n"));
  EXPECT_THAT(page, HasSubstr("container_last_seen{id=\"/gone\"} 990\n"));
}

}  // namespace
}  // namespace cgwarden::exporters
