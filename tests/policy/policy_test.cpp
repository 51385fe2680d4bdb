#include "policy/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/policy/loading.h"

namespace cgwarden::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::policy_errors;
using testing::policy_text;

LoadedPolicies policies_of(const std::string& text) {
  auto loaded = load_policies(text, "p.yaml");
  EXPECT_TRUE(loaded) << render(loaded.error());
  return loaded ? *std::move(loaded) : LoadedPolicies{{Policy{}}, {}};
}
Resources resources(const std::string& lines) {
  return policies_of(policy_text(lines)).policies.at(0).resources;
}

TEST(PolicyTest, EveryKey) {
  const auto loaded = policies_of(
      "apiVersion: cgwarden/v1\n"
      "kind: Policy\n"
      "metadata: {name: web.v1-a}\n"
      "match:\n"
      "  cgroups: [/a/*, \"/b/**\"]\n"
      "priority: -5\n"
      "mode: plan\n"
      "cpu: {weight: 200, max: 1.5, burst: 50ms}\n"
      "memory:\n"
      "  min: 0\n"
      "  low: 16MiB\n"
      "  high: 400MiB\n"
      "  max: 512MiB\n"
      "  swap.max: max\n"
      "  oom.group: true\n"
      "pids: {max: 100}\n");
  EXPECT_TRUE(loaded.warnings.empty());
  const Policy& policy = loaded.policies.at(0);
  EXPECT_EQ(policy.name, "web.v1-a");
  EXPECT_EQ(policy.position.text(), "p.yaml:1:1");
  EXPECT_THAT(policy.cgroups, ElementsAre("/a/*", "/b/**"));
  EXPECT_EQ(policy.priority, -5);
  EXPECT_EQ(policy.mode, Mode::plan);
  const Resources& set = policy.resources;
  EXPECT_EQ(set.cpu_weight, 200U);
  EXPECT_FALSE(set.cpu_idle);
  EXPECT_EQ(set.cpu_max, (cgroup::CpuMax{Usec{150000}, Usec{100000}}));
  EXPECT_EQ(set.cpu_max_burst, Usec{50000});
  EXPECT_EQ(set.memory_min, LimitOf<Bytes>(Bytes{0}));
  EXPECT_EQ(set.memory_low, LimitOf<Bytes>(Bytes{16U << 20U}));
  EXPECT_EQ(set.memory_high, LimitOf<Bytes>(Bytes{400U << 20U}));
  EXPECT_EQ(set.memory_max, LimitOf<Bytes>(Bytes{512U << 20U}));
  EXPECT_EQ(set.memory_swap_max, LimitOf<Bytes>(Max{}));
  EXPECT_EQ(set.memory_oom_group, true);
  EXPECT_EQ(set.pids_max, LimitOf<std::uint64_t>(std::uint64_t{100}));
  EXPECT_EQ(set.positions.at("memory.swap.max").text(), "p.yaml:14:3");
  EXPECT_EQ(set.positions.at("cpu.max.burst").text(), "p.yaml:8:30");
  EXPECT_EQ(set.positions.size(), 10U);
}

TEST(PolicyTest, DefaultsAndOneGlobAsAText) {
  const Policy policy = policies_of(
                            "apiVersion: cgwarden/v1\nkind: Policy\nmetadata: {name: p}\n"
                            "match: {cgroups: /a}\ncpu: {idle: true}\n")
                            .policies.at(0);
  EXPECT_THAT(policy.cgroups, ElementsAre("/a"));
  EXPECT_EQ(policy.priority, 0);
  EXPECT_EQ(policy.mode, Mode::enforce);
  EXPECT_EQ(policy.resources.cpu_idle, true);
  EXPECT_FALSE(policy.resources.memory_max);
}

TEST(PolicyTest, SeveralDocuments) {
  const std::string one = policy_text("cpu: {weight: 5}\n");
  std::string two = one;
  two.replace(two.find("name: p"), 7, "name: q");
  const auto loaded = policies_of(one + "---\n" + two);
  ASSERT_EQ(loaded.policies.size(), 2U);
  EXPECT_EQ(loaded.policies[1].position.line, 7U);
  EXPECT_EQ(policy_errors(one + "---\n" + one),
            "p.yaml:7:1: error: a policy named p is already in p.yaml:1:1\n"
            "  7 | apiVersion: cgwarden/v1\n"
            "    | ^\n"
            "  hint: give it another metadata.name\n");
}

TEST(PolicyTest, NamesAreUniqueAcrossFiles) {
  auto policies = policies_of(policy_text("cpu: {weight: 5}\n")).policies;
  EXPECT_TRUE(check_unique_names(policies).empty());
  policies.push_back(policies[0]);
  policies[1].position.file = "q.yaml";
  EXPECT_EQ(render(check_unique_names(policies)),
            "q.yaml:1:1: error: a policy named p is already in p.yaml:1:1\n"
            "  hint: give it another metadata.name\n");
}

struct PolicyCase {
  const char* lines;
  const char* rendered;
};

// The whole text a person sees.
TEST(PolicyTest, ErrorsOfResources) {
  for (const PolicyCase& row : {
           PolicyCase{"cpu: {wieght: 5}\n",
                      "p.yaml:5:7: error: unknown key \"cpu.wieght\"\n"
                      "  5 | cpu: {wieght: 5}\n"
                      "    |       ^\n"
                      "  hint: did you mean \"weight\"?\n"},
           {"cpu: {weight: 0}\n",
            "p.yaml:5:15: error: cpu.weight cannot be \"0\": it is outside 1 to 10000 [L11]\n"
            "  5 | cpu: {weight: 0}\n"
            "    |               ^\n"
            "  hint: the kernel refuses it (ERANGE); 100 is the weight of all others\n"},
           {"cpu:\n  max: 0.5\n  burst: 60ms\n",
            "p.yaml:7:3: error: cpu.burst of 60000us is more than the quota of 50000us: the kernel "
            "refuses it (EINVAL) [L03]\n"
            "  7 |   burst: 60ms\n"
            "    |   ^\n"
            "  hint: a burst equal to the quota is the most\n"},
           {"cpu: {idle: true, weight: 100}\n",
            "p.yaml:5:19: error: cpu.weight and cpu.idle: true exclude each other: with cpu.idle 1 "
            "the kernel forgets the weight and refuses a new one (EINVAL) [L10]\n"
            "  5 | cpu: {idle: true, weight: 100}\n"
            "    |                   ^\n"
            "  hint: remove one of them\n"},
           {"cpu: {idle: yes}\n",
            "p.yaml:5:13: error: cpu.idle cannot be \"yes\": it is neither true nor false\n"
            "  5 | cpu: {idle: yes}\n"
            "    |             ^\n"
            "  hint: write true or false\n"},
           {"cpu: 5\n",
            "p.yaml:5:6: error: cpu must be a map, not a single value\n"
            "  5 | cpu: 5\n"
            "    |      ^\n"
            "  hint: cpu: {weight: 200, max: 1.5}\n"},
           {"cpu: {max: [1]}\n",
            "p.yaml:5:12: error: cpu.max must be one value, not a list\n"
            "  5 | cpu: {max: [1]}\n"
            "    |            ^\n"},
           {"cpu:\n",
            "p.yaml:5:1: error: cpu has no value\n"
            "  5 | cpu:\n"
            "    | ^\n"
            "  hint: remove the key, or give it a value\n"},
           {"memory: {max: }\n",
            "p.yaml:5:10: error: memory.max has no value\n"
            "  5 | memory: {max: }\n"
            "    |          ^\n"
            "  hint: remove the key, or give it a value\n"},
           {"memory: {memory.max: 1GiB}\n",
            "p.yaml:5:10: error: unknown key \"memory.memory.max\"\n"
            "  5 | memory: {memory.max: 1GiB}\n"
            "    |          ^\n"
            "  hint: did you mean \"max\"?\n"},
           {"memory: {limit: 1GiB}\n",
            "p.yaml:5:10: error: unknown key \"memory.limit\"\n"
            "  5 | memory: {limit: 1GiB}\n"
            "    |          ^\n"
            "  hint: the keys here are min, low, high, max, swap.max, oom.group, swap.high, "
            "zswap.max\n"},
           {"memory: {high: 0}\n",
            "p.yaml:5:16: error: memory.high cannot be \"0\": no process can run without memory: "
            "the kernel reclaims or kills until none is left [L16]\n"
            "  5 | memory: {high: 0}\n"
            "    |                ^\n"
            "  hint: write max for no limit\n"},
           {"memory: {max: 4095}\n",
            "p.yaml:5:15: error: memory.max cannot be \"4095\": the kernel counts pages of 4096 "
            "bytes and would store 0 [L16]\n"
            "  5 | memory: {max: 4095}\n"
            "    |               ^\n"
            "  hint: a size without a unit is in bytes; 512 MiB are written 512MiB\n"},
           {"pids: {max: 0}\n",
            "p.yaml:5:13: error: pids.max cannot be \"0\": the kernel accepts it and then every "
            "fork "
            "fails (EAGAIN) [L38]\n"
            "  5 | pids: {max: 0}\n"
            "    |             ^\n"
            "  hint: write at least 1, or max for no limit\n"},
       }) {
    EXPECT_EQ(policy_errors(policy_text(row.lines)), row.rendered);
  }
}

TEST(PolicyTest, ErrorsOfTheDocument) {
  for (const PolicyCase& row : {
           PolicyCase{"[1]\n",
                      "p.yaml:1:1: error: a policy must be a map, not a list\n"
                      "  1 | [1]\n"
                      "    | ^\n"
                      "  hint: kind: Policy\n"},
           {"kind: Policy\nmetadata: {name: p}\nmatch: {cgroups: [/a]}\n",
            "p.yaml:1:1: error: apiVersion is missing\n"
            "  1 | kind: Policy\n"
            "    | ^\n"
            "  hint: apiVersion: cgwarden/v1\n"},
           {"apiVersion: v1\nkind: Policy\nmetadata: {name: p}\nmatch: {cgroups: [/a]}\n",
            "p.yaml:1:13: error: apiVersion cannot be \"v1\": this version of cgwarden knows "
            "cgwarden/v1\n"
            "  1 | apiVersion: v1\n"
            "    |             ^\n"},
           {"apiVersion: cgwarden/v1\nkind: Workload\nfoo: bar\n",
            "p.yaml:2:7: error: this is a Workload, but a Policy is expected here\n"
            "  2 | kind: Workload\n"
            "    |       ^\n"
            "  hint: workloads are started with: cgwarden run FILE\n"},
           {"apiVersion: cgwarden/v1\nkind: policy\n",
            "p.yaml:2:7: error: kind cannot be \"policy\": it must be one of Policy\n"
            "  2 | kind: policy\n"
            "    |       ^\n"
            "  hint: did you mean \"Policy\"?\n"},
       }) {
    EXPECT_EQ(policy_errors(row.lines), row.rendered);
  }
}

TEST(PolicyTest, ErrorsOfMatchNamePriorityAndMode) {
  const auto with = [](const std::string& metadata, const std::string& match,
                       const std::string& rest) {
    return policy_errors("apiVersion: cgwarden/v1\nkind: Policy\nmetadata: " + metadata +
                         "\nmatch: " + match + "\n" + rest);
  };
  const auto error = [&](const std::string& metadata, const std::string& match,
                         const std::string& rest = "") {
    const std::string all = with(metadata, match, rest);
    return all.substr(0, all.find('\n'));
  };
  EXPECT_EQ(error("{name: p}", "{}"), "p.yaml:4:8: error: match selects nothing");
  EXPECT_EQ(error("{name: p}", "{cgroups: []}"),
            "p.yaml:4:18: error: match.cgroups is an empty list");
  EXPECT_EQ(error("{name: p}", "/a"), "p.yaml:4:8: error: match must be a map, not a single value");
  EXPECT_EQ(error("{name: p}", "{cgroups: [[/a]]}"),
            "p.yaml:4:19: error: match.cgroups must be a text, not a list");
  EXPECT_EQ(error("{name: p}", "{cgroup: [/a], cgroups: /a}"),
            "p.yaml:4:9: error: unknown key \"match.cgroup\"");
  EXPECT_EQ(error("{name: p}", "{cgroups: [/a, /b/x[, /c]}"),
            "p.yaml:4:33: error: a } or ] closes nothing");  // YAML's [, not the glob's
  EXPECT_EQ(error("{name: p}", "{cgroups: [/a, \"/b/x[\"]}"),
            "p.yaml:4:28: error: this is not a cgroup glob: a [ is not closed by ]");
  EXPECT_EQ(error("{name: p}", "{cgroups: a/b}"),
            "p.yaml:4:18: error: this is not a cgroup glob: it must begin with / (the root of the "
            "cgroup tree)");
  EXPECT_EQ(error("{}", "{cgroups: /a}"), "p.yaml:3:11: error: metadata.name is missing");
  EXPECT_EQ(error("p", "{cgroups: /a}"),
            "p.yaml:3:11: error: metadata must be a map, not a single value");
  EXPECT_THAT(error("{name: workload/x}", "{cgroups: /a}"),
              HasSubstr("p.yaml:3:18: error: metadata.name cannot be \"workload/x\": a name has"));
  EXPECT_EQ(error("{name: p, labels: {}}", "{cgroups: /a}"),
            "p.yaml:3:21: error: unknown key \"metadata.labels\"");
  EXPECT_THAT(error("{name: p}", "{cgroups: /a}", "priority: high\n"),
              HasSubstr("p.yaml:5:11: error: priority cannot be \"high\""));
  EXPECT_THAT(error("{name: p}", "{cgroups: /a}", "priority: 1000001\n"),
              HasSubstr("from -1000000 to 1000000"));
  EXPECT_THAT(error("{name: p}", "{cgroups: /a}", "mode: dry\n"),
              HasSubstr("mode cannot be \"dry\": it must be one of enforce, plan"));
  EXPECT_THAT(error("{name: p}", "{cgroups: /a}", "foo: 1\n"),
              HasSubstr("p.yaml:5:1: error: unknown key \"foo\""));
}

TEST(PolicyTest, AllErrorsAtOnceInTheOrderOfTheFile) {
  const auto loaded = load_policies(policy_text("bogus: 1\ncpu: {weight: 0, max: x}\n") + "---\n" +
                                        policy_text("pids: {max: 0}\n"),
                                    "p.yaml");
  ASSERT_FALSE(loaded);
  std::vector<std::string> places;
  for (const Diagnostic& error : loaded.error()) places.push_back(error.position.text());
  EXPECT_THAT(places, ElementsAre("p.yaml:5:1", "p.yaml:6:15", "p.yaml:6:23", "p.yaml:12:13"));
}

TEST(PolicyTest, WarningsOfWhatTheKernelTakesWithoutEffect) {
  const auto warnings = [](const std::string& lines) {
    return render(policies_of(policy_text(lines)).warnings);
  };
  EXPECT_EQ(warnings("memory: {high: 64MiB, max: 64MiB}\n"),
            "p.yaml:5:10: warning: memory.high is not below memory.max: the kernel kills at "
            "memory.max before it ever throttles at memory.high [L14]\n"
            "  5 | memory: {high: 64MiB, max: 64MiB}\n"
            "    |          ^\n");
  EXPECT_THAT(warnings("memory: {low: 64MiB, max: 32MiB}\n"),
              HasSubstr("p.yaml:5:10: warning: memory.low is above memory.max"));
  EXPECT_THAT(warnings("memory: {min: max, high: 32MiB}\n"),
              HasSubstr("memory.min is above memory.high"));
  EXPECT_THAT(warnings("memory: {high: 32MiB, swap.max: 0}\n"),
              HasSubstr("memory.high without swap"));
  EXPECT_THAT(warnings("cpu: {max: max, burst: 5ms}\n"), HasSubstr("has no effect"));
  EXPECT_THAT(warnings(""), HasSubstr("p.yaml:1:1: warning: this policy sets nothing"));
  EXPECT_EQ(warnings("memory: {min: 1MiB, low: 2MiB, high: 32MiB, max: 64MiB, swap.max: 1MiB}\n"),
            "");
  EXPECT_EQ(warnings("cpu: {max: 50ms/100ms, burst: 50ms}\n"), "");
}

TEST(PolicyTest, ABurstWithoutAQuotaWaitsForAnotherPolicysQuota) {
  EXPECT_EQ(resources("cpu: {burst: 5s}\n").cpu_max_burst, Usec{5000000});
}

// What the kernel would store, so that what is read back is no drift.
TEST(PolicyTest, HugePagesAreWhole) {
  const auto limit_of = [](const std::string& lines) {
    return policies_of(policy_text(lines)).policies.at(0).resources.hugetlb_max.at(1);
  };
  EXPECT_EQ(limit_of("hugetlb: {2MB.max: 3MiB}\n"), LimitOf<Bytes>(Bytes{2U << 20U}));
  EXPECT_EQ(limit_of("hugetlb: {2MB.max: 0}\n"), LimitOf<Bytes>(Bytes{0}));
  EXPECT_THAT(policy_errors(policy_text("hugetlb: {1GB.max: 512MiB}\n")),
              HasSubstr("p.yaml:5:20: error: hugetlb.1GB.max cannot be \"512MiB\": the kernel "
                        "counts huge pages of 1073741824 bytes and would store 0 [L16]"));
}

}  // namespace
}  // namespace cgwarden::policy
