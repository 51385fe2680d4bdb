// Percentages, requests and limits, templates, and the JSON Schema that names all keys.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "policy/json_schema.h"
#include "policy/kubernetes.h"
#include "policy/plan.h"
#include "policy/resource_keys.h"
#include "tests/policy/loading.h"

namespace cgwarden::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::policy_errors;
using testing::policy_text;

Resources resources_of(const std::string& lines) {
  auto loaded = load_policies(policy_text(lines), "p.yaml");
  EXPECT_TRUE(loaded) << render(loaded.error());
  return loaded ? loaded->policies.at(0).resources : Resources{};
}

// facts 2.7: shares, what runc and crun make of them now, and what they made before.
TEST(KubernetesTest, WeightsOfShares) {
  struct Row {
    std::uint64_t shares;
    std::uint32_t linear;
    std::uint32_t logarithmic;
  };
  for (const Row& row : {Row{2, 1, 1}, Row{102, 4, 17}, Row{512, 20, 59}, Row{1024, 39, 100},
                         Row{2048, 79, 174}, Row{8192, 313, 532}, Row{262144, 10000, 10000}}) {
    EXPECT_EQ(weight_of_shares(row.shares, WeightFormula::linear), row.linear) << row.shares;
    EXPECT_EQ(weight_of_shares(row.shares, WeightFormula::logarithmic), row.logarithmic)
        << row.shares;
  }
  EXPECT_EQ(shares_of_millicores(1), 2U);
  EXPECT_EQ(shares_of_millicores(500), 512U);
}

TEST(KubernetesTest, RequestsAndLimitsBecomeKnobs) {
  const Resources set = resources_of(
      "requests: {cpu: 500m, memory: 100Mi}\nlimits: {cpu: 1.5, memory: 200Mi}\n"
      "memoryThrottlingFactor: 0.9\n");
  EXPECT_EQ(set.cpu_weight, 59U);
  EXPECT_EQ(set.cpu_max, (cgroup::CpuMax{Usec{150000}, Usec{100000}}));
  EXPECT_EQ(set.memory_min, LimitOf<Bytes>(Bytes{100U << 20U}));
  EXPECT_EQ(set.memory_high, LimitOf<Bytes>(Bytes{190U << 20U}));
  EXPECT_EQ(set.memory_max, LimitOf<Bytes>(Bytes{200U << 20U}));
  EXPECT_EQ(set.positions.at("memory.high").text(), "p.yaml:6:20");
  const Resources plain = resources_of("limits: {cpu: 5m, memory: 1M}\n");
  EXPECT_EQ(plain.cpu_weight, 2U);
  EXPECT_EQ(plain.cpu_max, (cgroup::CpuMax{Usec{1000}, Usec{100000}}));
  EXPECT_EQ(plain.memory_max, LimitOf<Bytes>(Bytes{999424}));
  EXPECT_FALSE(plain.memory_high || plain.memory_min);
}

TEST(KubernetesTest, Errors) {
  EXPECT_THAT(policy_errors(policy_text("cpu: {weight: 5}\nrequests: {cpu: 1}\n")),
              HasSubstr("p.yaml:6:12: error: requests.cpu gives cpu.weight, which line 5 gives too "
                        "[L33]"));
  EXPECT_THAT(policy_errors(policy_text("requests: {cpu: 2}\nlimits: {cpu: 1}\n")),
              HasSubstr("p.yaml:5:12: error: requests.cpu is above limits.cpu"));
  EXPECT_THAT(policy_errors(policy_text("limits: {memory: 1MiB}\n")),
              HasSubstr("p.yaml:5:18: error: limits.memory cannot be \"1MiB\": \"MiB\" is not a "
                        "unit of Kubernetes [L40]"));
  EXPECT_THAT(policy_errors(policy_text("limits: {disk: 1}\n")), HasSubstr("unknown key"));
  EXPECT_THAT(policy_errors(policy_text("memoryThrottlingFactor: 1.5\n")),
              HasSubstr("p.yaml:5:25: error: memoryThrottlingFactor cannot be"));
}

cgroup::Sample limited(const std::string& path, LimitOf<Bytes> max) {
  cgroup::Sample sample;
  sample.path = path;
  sample.memory_max = max;
  sample.memory_high = LimitOf<Bytes>(Max{});
  sample.cpu_max = cgroup::CpuMax{Max{}, Usec{100000}};
  sample.pids_max = LimitOf<std::uint64_t>(Max{});
  return sample;
}

std::vector<std::string> writes_of(const Plan& made) {
  std::vector<std::string> out;
  for (const Write& write : made.writes) {
    out.push_back(write.cgroup + " " + write.file + " " + write.new_value);
  }
  for (const Skip& skip : made.skips) out.push_back(skip.file + ": " + skip.reason);
  return out;
}

TEST(PercentageTest, OfTheNodeAndOfTheParent) {
  const auto policies =
      load_policies(policy_text("memory: {max: 50% of node, high: 25% of parent}\n"
                                "cpu: {max: 12.5% of node}\npids: {max: 10% of node}\n"),
                    "p.yaml");
  ASSERT_TRUE(policies) << render(policies.error());
  NodeFacts facts{.cpus = 4,
                  .memory = Bytes{1U << 30U},
                  .swap = {},
                  .pids_max = 1000,
                  .bfq = {},
                  .recursive_protection = {},
                  .device_number = {}};
  const cgroup::Snapshot snapshot{TimePoint{}, {limited("/", Max{}), limited("/a", Max{})}};
  EXPECT_THAT(writes_of(plan(snapshot, policies->policies, {}, facts)),
              ElementsAre("/a cpu.max 50000 100000", "/a memory.high 268435456",
                          "/a memory.max 536870912", "/a pids.max 100"));
  EXPECT_THAT(writes_of(plan(snapshot, policies->policies)),
              ElementsAre("cpu.max: a percentage of node, whose size is not known here",
                          "memory.high: a percentage of parent, whose size is not known here",
                          "memory.max: a percentage of node, whose size is not known here",
                          "pids.max: a percentage of node, whose size is not known here"));
}

TEST(PercentageTest, TheParentIsTheNearestLimitThatIsDecidedOrInForce) {
  const auto policies = load_policies(
      "apiVersion: cgwarden/v1\nkind: Policy\nmetadata: {name: c}\nmatch: {cgroups: /a/b/c}\n"
      "memory: {max: 50% of parent}\n---\n"
      "apiVersion: cgwarden/v1\nkind: Policy\nmetadata: {name: a}\nmatch: {cgroups: /a}\n"
      "memory: {max: 64MiB}\n",
      "p.yaml");
  ASSERT_TRUE(policies);
  const cgroup::Snapshot snapshot{TimePoint{},
                                  {limited("/", Max{}), limited("/a", Bytes{32U << 20U}),
                                   limited("/a/b", Max{}), limited("/a/b/c", Max{})}};
  EXPECT_THAT(writes_of(plan(snapshot, policies->policies)),
              ElementsAre("/a memory.max 67108864", "/a/b/c memory.max 33554432"));
}

TEST(PercentageTest, OfAParentThatIsNotKnownYetNothingIsTaken) {
  const auto policies = load_policies(policy_text("memory: {max: 50% of parent}\n"), "p.yaml");
  ASSERT_TRUE(policies);
  Policy policy = policies->policies.at(0);
  policy.cgroups = {"/a/b/c"};
  // It came with /a/b, which has a limit of its own maker's.
  const cgroup::Snapshot snapshot{
      TimePoint{}, {limited("/", Max{}), limited("/a", Max{}), limited("/a/b/c", Max{})}};
  NodeFacts facts;
  facts.memory = Bytes{1U << 30U};
  EXPECT_THAT(writes_of(plan(snapshot, {policy}, {}, facts)),
              ElementsAre("memory.max: a percentage of parent, whose size is not known here"));
}

TEST(PercentageTest, AWorkloadHasNoBase) {
  EXPECT_THAT(
      testing::workload_errors(testing::workload_text("resources: {memory: {max: 50% of node}}\n")),
      HasSubstr("w.yaml:6:22: error: memory.max is a percentage: only a Policy has a base "
                "for it [L39]"));
}

const std::string kTemplates =
    "apiVersion: cgwarden/v1\nkind: Template\nmetadata: {name: small}\n"
    "cpu: {max: 0.5}\nmemory: {max: 64MiB}\npids: {max: 10}\n---\n"
    "apiVersion: cgwarden/v1\nkind: Template\nmetadata: {name: big}\n"
    "memory: {max: 50% of node}\n---\n";

TEST(TemplateTest, ALaterOneWinsAndThePolicyOverAll) {
  const auto loaded = load_policies(
      kTemplates + policy_text("templates: [small, big]\npids: {max: 5}\n"), "p.yaml");
  ASSERT_TRUE(loaded) << render(loaded.error());
  ASSERT_EQ(loaded->policies.size(), 1U);
  const Policy& policy = loaded->policies[0];
  EXPECT_THAT(policy.templates, ElementsAre("small", "big"));
  EXPECT_EQ(policy.resources.cpu_max, (cgroup::CpuMax{Usec{50000}, Usec{100000}}));
  EXPECT_FALSE(policy.resources.memory_max);
  EXPECT_EQ(policy.resources.percentages.at("memory.max"), (Percentage{5000, PercentBase::node}));
  EXPECT_EQ(policy.resources.pids_max, LimitOf<std::uint64_t>(std::uint64_t{5}));
  EXPECT_EQ(policy.resources.positions.at("cpu.max").text(), "p.yaml:4:7");
  EXPECT_EQ(policy.resources.positions.at("pids.max").text(), "p.yaml:18:8");
}

TEST(TemplateTest, Errors) {
  EXPECT_THAT(policy_errors(kTemplates + policy_text("templates: smalls\n")),
              HasSubstr("p.yaml:17:12: error: templates cannot be \"smalls\": there is no "
                        "template of that name\n"));
  EXPECT_THAT(policy_errors(kTemplates + policy_text("templates: smalls\n")),
              HasSubstr("did you mean \"small\"?"));
  EXPECT_THAT(policy_errors(kTemplates + policy_text("templates: []\n")),
              HasSubstr("templates is an empty list"));
  EXPECT_THAT(policy_errors(kTemplates.substr(0, kTemplates.find("---\n"))),
              HasSubstr("templates and no policy"));
  EXPECT_THAT(
      policy_errors(kTemplates + policy_text("templates: small\ncpu: {burst: 60ms}\n")),
      HasSubstr("p.yaml:18:7: error: cpu.burst of 60000us is more than the quota of 50000us"));
}

std::string kubernetes_template(const std::string& lines) {
  return "apiVersion: cgwarden/v1\nkind: Template\nmetadata: {name: t}\n" + lines + "---\n";
}

// As if template and policy were one document.
TEST(TemplateTest, RequestsAndLimitsAreMergedBeforeTheyBecomeKnobs) {
  const auto of = [](const std::string& shared, const std::string& own) {
    const auto loaded =
        load_policies(kubernetes_template(shared) + policy_text("templates: t\n" + own), "p.yaml");
    EXPECT_TRUE(loaded) << render(loaded.error());
    return loaded ? loaded->policies.at(0).resources : Resources{};
  };
  const Resources cpu = of("requests: {cpu: 100m}\n", "limits: {cpu: 2}\n");
  EXPECT_EQ(cpu.cpu_weight, 17U);
  EXPECT_EQ(cpu.cpu_max, (cgroup::CpuMax{Usec{200000}, Usec{100000}}));
  EXPECT_EQ(cpu.positions.at("cpu.weight").text(), "p.yaml:4:12");
  const Resources memory =
      of("requests: {memory: 100Mi}\n", "limits: {memory: 200Mi}\nmemoryThrottlingFactor: 0.9\n");
  EXPECT_EQ(memory.memory_min, LimitOf<Bytes>(Bytes{100U << 20U}));
  EXPECT_EQ(memory.memory_high, LimitOf<Bytes>(Bytes{190U << 20U}));
  EXPECT_EQ(of("weightFormula: linear\n", "requests: {cpu: 1}\n").cpu_weight, 39U);
  // What the policy says itself wins, in either form.
  EXPECT_EQ(of("requests: {cpu: 1}\n", "cpu: {weight: 5}\n").cpu_weight, 5U);
  EXPECT_EQ(of("cpu: {weight: 5}\n", "requests: {cpu: 1}\n").cpu_weight, 100U);
  EXPECT_EQ(of("cpu: {max: 3}\nrequests: {cpu: 1}\n", "limits: {memory: 1Gi}\n").cpu_max,
            (cgroup::CpuMax{Usec{300000}, Usec{100000}}));
}

TEST(TemplateTest, RequestsOfATemplateAboveThePolicysLimits) {
  EXPECT_THAT(policy_errors(kubernetes_template("requests: {cpu: 2}\n") +
                            policy_text("templates: t\nlimits: {cpu: 1}\n")),
              HasSubstr("p.yaml:4:12: error: requests.cpu is above limits.cpu"));
}

TEST(SchemaTest, EveryKeyIsInTheSchemaAndInTheParser) {
  const auto schema = nlohmann::json::parse(policy_json_schema());
  const auto& properties = schema["anyOf"][0]["properties"];
  for (const ResourceKey& row : resource_keys()) {
    const auto& block = properties[std::string(row.block)]["properties"];
    EXPECT_TRUE(block.contains(std::string(row.key))) << row.file;
    EXPECT_FALSE(std::string(block[std::string(row.key)]["description"]).empty());
  }
}

}  // namespace
}  // namespace cgwarden::policy
