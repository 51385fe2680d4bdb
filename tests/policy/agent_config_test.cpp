#include "policy/agent_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "tests/paths.h"

namespace cgwarden::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A document with the lines given, which begin in line 3.
std::string agent_text(const std::string& lines) {
  return "apiVersion: cgwarden/v1\nkind: Agent\n" + lines;
}

AgentConfig config_of(const std::string& lines) {
  auto loaded = load_agent_config(agent_text(lines), "/etc/cgwarden/agent.yaml");
  EXPECT_TRUE(loaded) << render(loaded.error());
  return loaded ? *std::move(loaded) : AgentConfig{};
}

std::string agent_errors(const std::string& text) {
  const auto loaded = load_agent_config(text, "agent.yaml");
  return loaded ? "" : render(loaded.error());
}

TEST(AgentConfigTest, WhatIsAbsentHasItsDefault) {
  const AgentConfig config = config_of("");
  EXPECT_FALSE(config.listen);
  EXPECT_EQ(config.intervals.tick, Usec{1'000'000});
  EXPECT_EQ(config.intervals.medium, Usec{10'000'000});
  EXPECT_EQ(config.intervals.slow, Usec{15'000'000});
  EXPECT_EQ(config.intervals.limits, Usec{30'000'000});
  EXPECT_EQ(config.collector, Collector::automatic);
  EXPECT_THAT(config.discovery.include, IsEmpty());
  EXPECT_EQ(config.discovery.max_cgroups, limits::kCgroupsWatched);
  EXPECT_EQ(config.discovery.max_fds, limits::kKeptFiles);
  EXPECT_EQ(config.web_config, "");
  EXPECT_TRUE(config.recorder.enabled);
  EXPECT_EQ(config.recorder.size, Bytes{512ULL * 1024 * 1024});
  EXPECT_EQ(config.recorder.days, 30U);
  EXPECT_EQ(config.recorder.full_days, 2U);
  EXPECT_EQ(config.recorder.max_cgroups, 10'000U);
  EXPECT_EQ(config.recorder.ring, Bytes{64ULL * 1024 * 1024});
}

TEST(AgentConfigTest, Recorder) {
  const AgentConfig config = config_of(
      "recorder: {enabled: false, size: 2GiB, days: 7, fullDays: 1, maxCgroups: 50, ring: 8MiB}\n");
  EXPECT_FALSE(config.recorder.enabled);
  EXPECT_EQ(config.recorder.size, Bytes{2ULL * 1024 * 1024 * 1024});
  EXPECT_EQ(config.recorder.days, 7U);
  EXPECT_EQ(config.recorder.full_days, 1U);
  EXPECT_EQ(config.recorder.max_cgroups, 50U);
  EXPECT_EQ(config.recorder.ring, Bytes{8ULL * 1024 * 1024});
  const std::string found = agent_errors(
      agent_text("recorder: {size: 1MiB, days: 0, ring: max, age: 3, enabled: perhaps}\n"));
  EXPECT_THAT(found, HasSubstr("recorder.size cannot be \"1MiB\": it is outside 16.0 MiB to"));
  EXPECT_THAT(found, HasSubstr("recorder.days cannot be \"0\""));
  EXPECT_THAT(found, HasSubstr("recorder.ring cannot be \"max\": it must be a size"));
  EXPECT_THAT(found, HasSubstr("recorder.enabled cannot be \"perhaps\""));
  EXPECT_THAT(found, HasSubstr("age"));
}

TEST(AgentConfigTest, EveryKey) {
  const AgentConfig config = config_of(
      "listen: [127.0.0.1:9753, \"[::1]:9753\", unix:/run/cgwarden/metrics.sock]\n"
      "intervals: {tick: 500ms, medium: 2s, slow: 1min, limits: 500ms}\n"
      "sampling: {collector: bpf}\n"
      "discovery:\n"
      "  include: [/system.slice/**, /cgwarden.slice/**]\n"
      "  exclude: [\"/**/*.mount\"]\n"
      "  maxDepth: 5\n"
      "  maxCgroups: 2000\n"
      "  maxFds: 12000\n"
      "web: {config: tls/web.yml}\n");
  EXPECT_THAT(config.listen.value_or(std::vector<std::string>{}),
              ElementsAre("127.0.0.1:9753", "[::1]:9753", "unix:/run/cgwarden/metrics.sock"));
  EXPECT_EQ(config.intervals.tick, Usec{500'000});
  EXPECT_EQ(config.intervals.medium, Usec{2'000'000});
  EXPECT_EQ(config.intervals.slow, Usec{60'000'000});
  EXPECT_EQ(config.intervals.limits, Usec{500'000});
  EXPECT_EQ(config.collector, Collector::bpf);
  EXPECT_THAT(config.discovery.include, ElementsAre("/system.slice/**", "/cgwarden.slice/**"));
  EXPECT_THAT(config.discovery.exclude, ElementsAre("/**/*.mount"));
  EXPECT_EQ(config.discovery.max_depth, 5U);
  EXPECT_EQ(config.discovery.max_cgroups, 2000U);
  EXPECT_EQ(config.discovery.max_fds, 12000U);
  EXPECT_EQ(config.web_config, "/etc/cgwarden/tls/web.yml");
}

TEST(AgentConfigTest, OneAddressNeedsNoListAndNoneIsOff) {
  EXPECT_THAT(*config_of("listen: \":9753\"\n").listen, ElementsAre(":9753"));
  EXPECT_THAT(*config_of("listen: []\n").listen, IsEmpty());
  EXPECT_EQ(config_of("web: {config: /srv/web.yml}\n").web_config, "/srv/web.yml");
  EXPECT_TRUE(config_of("web: {config: /srv/web.yml}\n").web_page);
  EXPECT_FALSE(config_of("web: {page: false}\n").web_page);
  EXPECT_EQ(config_of("web: {page: false, config: w.yml}\n").web_config, "/etc/cgwarden/w.yml");
}

TEST(AgentConfigTest, ASlowTickTakesTheTiersAlong) {
  const SamplingIntervals slow = config_of("intervals: {tick: 40s}\n").intervals;
  EXPECT_EQ(slow.medium, Usec{40'000'000});
  EXPECT_EQ(slow.slow, Usec{40'000'000});
  EXPECT_EQ(slow.limits, Usec{40'000'000});
  SamplingIntervals again = slow;
  again.set_tick(Usec{100'000});
  EXPECT_EQ(again.tick, Usec{100'000});
  EXPECT_EQ(again.slow, Usec{40'000'000});
}

TEST(AgentConfigTest, WhichCgroupsAreWanted) {
  Discovery all;
  EXPECT_TRUE(all.wants("/"));
  EXPECT_TRUE(all.wants("/a/b"));
  Discovery some;
  some.include = {"/system.slice/**"};
  some.exclude = {"/**/*.mount"};
  EXPECT_TRUE(some.wants("/system.slice/ssh.service"));
  EXPECT_FALSE(some.wants("/user.slice/x"));
  EXPECT_FALSE(some.wants("/system.slice/boot.mount"));
}

TEST(AgentConfigTest, EachFaultIsSaidWhereItStands) {
  const std::string found = agent_errors(
      agent_text("listen: [localhost:80, \":1\", \":1\"]\n"
                 "intervals: {tick: 61s, medium: 1}\n"
                 "discovery: {include: /a, exclude: [a, \"/[\"], maxDepth: 65, maxFds: many}\n"
                 "web: {file: x}\n"
                 "lisen: \":80\"\n"));
  EXPECT_THAT(found,
              HasSubstr("agent.yaml:3:10: error: listen cannot be \"localhost:80\": expected "
                        "127.0.0.1:9753, [::1]:9753, :9753 or unix:/absolute/path"));
  EXPECT_THAT(found, HasSubstr("agent.yaml:3:30: error: the address :1 stands twice"));
  EXPECT_THAT(found, HasSubstr("agent.yaml:4:19: error: intervals.tick cannot be \"61s\": it is "
                               "outside 100ms to 60s"));
  EXPECT_THAT(found, HasSubstr("agent.yaml:4:32: error: intervals.medium cannot be \"1\""));
  EXPECT_THAT(found, HasSubstr("agent.yaml:5:22: error: discovery.include must be a list, not a "
                               "single value"));
  EXPECT_THAT(found, HasSubstr("agent.yaml:5:36: error: discovery.exclude cannot be \"a\""));
  EXPECT_THAT(found, HasSubstr("agent.yaml:5:39: error: discovery.exclude cannot be \"/[\""));
  EXPECT_THAT(found, HasSubstr("discovery.maxDepth cannot be \"65\""));
  EXPECT_THAT(found, HasSubstr("discovery.maxFds cannot be \"many\""));
  EXPECT_THAT(found, HasSubstr("agent.yaml:6:6: error: web.config is missing"));
  EXPECT_THAT(found, HasSubstr("agent.yaml:6:7: error: unknown key \"web.file\""));
  EXPECT_THAT(found, HasSubstr("agent.yaml:7:1: error: unknown key \"lisen\""));
  EXPECT_THAT(found, HasSubstr("hint: did you mean \"listen\"?"));
}

TEST(AgentConfigTest, ExportGroups) {
  using cgroup::FileGroup;
  EXPECT_EQ(config_of("").export_groups, cgroup::FileGroups{});
  EXPECT_EQ(config_of("export: {}\n").export_groups, cgroup::FileGroups{});
  EXPECT_EQ(config_of("export: {groups: []}\n").export_groups, cgroup::FileGroups{});
  EXPECT_EQ(config_of("export: {groups: [memory.stat, hugetlb]}\n").export_groups,
            (cgroup::FileGroups{FileGroup::memory_stat, FileGroup::hugetlb}));
  const std::string found =
      agent_errors(agent_text("export:\n  groups: [hugetlb, Memory, cpu, cpu]\n  group: [io]\n"));
  EXPECT_THAT(found,
              HasSubstr("agent.yaml:4:21: error: export.groups cannot be \"Memory\": there is no "
                        "such group; groups are cgroup, cpu, cpuset, memory, memory.stat, "
                        "memory.numa_stat, io, pids, hugetlb, rdma, misc"));
  EXPECT_THAT(found, HasSubstr("agent.yaml:4:34: error: the group cpu stands twice"));
  EXPECT_THAT(found, HasSubstr("agent.yaml:5:3: error: unknown key \"export.group\""));
  EXPECT_THAT(agent_errors(agent_text("export: [cpu]\n")), HasSubstr("export must be a map"));
  EXPECT_THAT(agent_errors(agent_text("export: {groups: cpu}\n")),
              HasSubstr("agent.yaml:3:18: error: export.groups must be a list"));
}

TEST(AgentConfigTest, TheCollectorIsOneOfThree) {
  EXPECT_EQ(config_of("sampling: {collector: files}\n").collector, Collector::files);
  EXPECT_EQ(config_of("sampling: {collector: auto}\n").collector, Collector::automatic);
  EXPECT_THAT(agent_errors(agent_text("sampling: {collector: ebpf}\n")),
              HasSubstr("agent.yaml:3:23: error: sampling.collector cannot be \"ebpf\": it is "
                        "none of auto, files and bpf"));
  EXPECT_THAT(agent_errors(agent_text("sampling: {}\n")),
              HasSubstr("sampling.collector is missing"));
  EXPECT_THAT(agent_errors(agent_text("sampling: bpf\n")), HasSubstr("sampling must be a map"));
}

TEST(AgentConfigTest, NoTierIsFasterThanTheTick) {
  EXPECT_THAT(agent_errors(agent_text("intervals: {tick: 10s, slow: 5s}\n")),
              HasSubstr("intervals.slow cannot be \"5s\": it is outside 10000ms to 3600s"));
}

TEST(AgentConfigTest, ANumberOfAddressesIsEnough) {
  std::string list;
  for (int port = 1; port <= 9; ++port) list += "\":" + std::to_string(port) + "\", ";
  EXPECT_THAT(agent_errors(agent_text("listen: [" + list + "]\n")),
              HasSubstr("at most 8 addresses"));
}

TEST(AgentConfigTest, Enforcement) {
  const auto loaded = load_agent_config(
      agent_text("enforcement: {protected: [/a, /b/**], cgroupWritesPerMinute: 5, "
                 "nodeWritesPerMinute: 50}\n"),
      "agent.yaml");
  ASSERT_TRUE(loaded) << render(loaded.error());
  EXPECT_THAT(loaded->enforcement.protected_cgroups, ElementsAre("/a", "/b/**"));
  EXPECT_EQ(loaded->enforcement.cgroup_writes_per_minute, 5U);
  EXPECT_EQ(loaded->enforcement.node_writes_per_minute, 50U);
  EXPECT_THAT(agent_errors(agent_text("enforcement: {protected: [a]}\n")),
              HasSubstr("enforcement.protected"));
  EXPECT_THAT(agent_errors(agent_text("enforcement: {nodeWritesPerMinute: 0}\n")),
              HasSubstr("enforcement.nodeWritesPerMinute"));
}

TEST(AgentConfigTest, OneDocumentOfItsKind) {
  EXPECT_THAT(agent_errors("apiVersion: cgwarden/v1\nkind: Policy\nmetadata: {name: p}\n"),
              HasSubstr("this is a Policy, but an Agent is expected here"));
  EXPECT_THAT(agent_errors(agent_text("---\n" + agent_text(""))), HasSubstr("a second document"));
  EXPECT_THAT(agent_errors(""), HasSubstr("error"));
}

TEST(AgentConfigTest, TheExamplesAreGood) {
  for (const std::string name : {"kubernetes/agent.yaml", "prometheus/agent-tls.yaml"}) {
    std::ifstream file(in_source("examples/") + name);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    const auto loaded = load_agent_config(text, "/etc/cgwarden/agent.yaml");
    ASSERT_TRUE(loaded) << render(loaded.error());
    EXPECT_THAT(loaded->listen.value_or(std::vector<std::string>{}), ElementsAre(":9753"));
  }
}

TEST(AgentConfigTest, ThePackagedFileIsTheDefaults) {
  std::ifstream file(in_source("packaging/agent.yaml"));
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto loaded = load_agent_config(text, "/etc/cgwarden/agent.yaml");
  ASSERT_TRUE(loaded) << render(loaded.error());
  const AgentConfig defaults;
  EXPECT_THAT(*loaded->listen, ElementsAre("127.0.0.1:9753"));
  EXPECT_EQ(loaded->intervals.tick, defaults.intervals.tick);
  EXPECT_EQ(loaded->intervals.medium, defaults.intervals.medium);
  EXPECT_EQ(loaded->intervals.slow, defaults.intervals.slow);
  EXPECT_EQ(loaded->intervals.limits, defaults.intervals.limits);
  EXPECT_EQ(loaded->collector, defaults.collector);
  EXPECT_EQ(loaded->discovery.max_depth, defaults.discovery.max_depth);
  EXPECT_EQ(loaded->discovery.max_cgroups, defaults.discovery.max_cgroups);
  EXPECT_EQ(loaded->enforcement.protected_cgroups, defaults.enforcement.protected_cgroups);
  EXPECT_EQ(loaded->enforcement.cgroup_writes_per_minute,
            defaults.enforcement.cgroup_writes_per_minute);
  EXPECT_EQ(loaded->enforcement.node_writes_per_minute,
            defaults.enforcement.node_writes_per_minute);
}

}  // namespace
}  // namespace cgwarden::policy
