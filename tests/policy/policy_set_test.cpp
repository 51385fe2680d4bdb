// Several files as one set: drop-ins and templates.
#include "policy/policy_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/policy/loading.h"

namespace cgwarden::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kHeader = "apiVersion: cgwarden/v1\nkind: Policy\n";
const std::string kWeb = kHeader +
                         "metadata: {name: web}\nmatch: {cgroups: [/a]}\npriority: 5\n"
                         "cpu: {max: 0.5, burst: 10ms}\nmemory: {high: 64MiB, max: 128MiB}\n";

PolicyFile drop_in(const std::string& file, const std::string& lines,
                   const std::string& of = "web") {
  return {of + ".d/" + file, kHeader + lines, of};
}

PolicySet load(std::vector<PolicyFile> files) {
  files.insert(files.begin(), {"web.yaml", kWeb});
  return load_policy_set(files);
}

TEST(DropIn, ReplacesWhatItGivesAndLeavesTheRest) {
  const PolicySet set = load({drop_in("10-more.yaml", "cpu: {max: 2}\nmode: plan\n"),
                              drop_in("20-most.yaml", "cpu: {max: 3}\npids: {max: 7}\n")});
  ASSERT_THAT(set.errors, IsEmpty()) << render(set.errors);
  ASSERT_EQ(set.policies.size(), 1U);
  const Policy& web = set.policies[0];
  EXPECT_EQ(web.resources.cpu_max, (cgroup::CpuMax{Usec{300000}, Usec{100000}}));
  EXPECT_EQ(web.resources.positions.at("cpu.max").text(), "web.d/20-most.yaml:3:7");
  EXPECT_EQ(web.resources.cpu_max_burst, Usec{10000});
  EXPECT_EQ(web.resources.positions.at("cpu.max.burst").file, "web.yaml");
  EXPECT_EQ(web.resources.pids_max, LimitOf<std::uint64_t>(std::uint64_t{7}));
  EXPECT_EQ(web.mode, Mode::plan);
  EXPECT_EQ(web.priority, 5);
  EXPECT_THAT(web.cgroups, ElementsAre("/a"));
  EXPECT_THAT(web.drop_ins, ElementsAre("web.d/10-more.yaml", "web.d/20-most.yaml"));
}

TEST(DropIn, AMatchIsReplacedKeyByKey) {
  const PolicySet set = load({drop_in("a.yaml", "match: {units: [web.service]}\n"),
                              drop_in("b.yaml", "match: {cgroups: /b}\n")});
  ASSERT_THAT(set.errors, IsEmpty()) << render(set.errors);
  EXPECT_THAT(set.policies[0].cgroups, ElementsAre("/b"));
  EXPECT_THAT(set.policies[0].selector.units, ElementsAre("web.service"));
}

TEST(DropIn, LimitsComeToTheRequestsOfThePolicy) {
  const std::string requests = kHeader +
                               "metadata: {name: k}\nmatch: {cgroups: [/k]}\n"
                               "requests: {cpu: 100m, memory: 100Mi}\n";
  const auto with = [&](const std::string& lines) {
    const PolicySet set = load_policy_set({{"k.yaml", requests},
                                           drop_in("a.yaml", "limits: {cpu: 1}\n", "k"),
                                           drop_in("b.yaml", lines, "k")});
    EXPECT_THAT(set.errors, IsEmpty()) << render(set.errors);
    return set.policies.at(0).resources;
  };
  const Resources two = with("limits: {cpu: 2}\n");
  EXPECT_EQ(two.cpu_weight, 17U);
  EXPECT_EQ(two.cpu_max, (cgroup::CpuMax{Usec{200000}, Usec{100000}}));
  EXPECT_EQ(with("limits: {memory: 200Mi}\nmemoryThrottlingFactor: 0.9\n").memory_high,
            LimitOf<Bytes>(Bytes{190U << 20U}));
  // What was taken out or given directly does not come back with the next limit.
  EXPECT_FALSE(with("unset: [cpu.weight]\nlimits: {cpu: 2}\n").cpu_weight);
  EXPECT_EQ(with("cpu: {weight: 5}\nlimits: {memory: 1Gi}\n").cpu_weight, 5U);
}

TEST(DropIn, TakesKnobsAndLoopsOut) {
  const PolicySet set = load({drop_in("a.yaml",
                                      "unset: [memory.high, cpu.max, cpu.burst]\n"
                                      "adapt: {cpu: {ceiling: 2}, timeToOom: {warn: 1min}}\n"),
                              drop_in("b.yaml", "unset: [adapt.timeToOom]\n")});
  ASSERT_THAT(set.errors, IsEmpty()) << render(set.errors);
  const Policy& web = set.policies[0];
  EXPECT_FALSE(web.resources.memory_high || web.resources.cpu_max || web.resources.cpu_max_burst);
  EXPECT_FALSE(web.resources.positions.contains("cpu.max"));
  EXPECT_TRUE(web.resources.memory_max);
  EXPECT_TRUE(web.adapt.cpu);
  EXPECT_FALSE(web.adapt.time_to_oom);
}

// What a part alone does not show: each file is good, the policy is not.
TEST(DropIn, TheWholeIsLintedAndTheLineIsOfItsFile) {
  const PolicySet burst = load({drop_in("a.yaml", "cpu: {max: 5ms/100ms}\n")});
  ASSERT_EQ(burst.errors.size(), 1U) << render(burst.errors);
  EXPECT_THAT(render(burst.errors), HasSubstr("[L03]"));
  EXPECT_FALSE(burst.errors[0].source_line.empty());
  EXPECT_THAT(burst.policies, IsEmpty());
  const PolicySet loop = load({drop_in("a.yaml", "adapt: {cpu: {ceiling: 2}}\n")});
  EXPECT_THAT(render(loop.errors), HasSubstr("web.d/a.yaml:3:9: error: adapt.cpu and a fixed"));
  EXPECT_THAT(render(loop.errors), HasSubstr("adapt: {cpu: {ceiling: 2}}"));
}

TEST(DropIn, MendsWhatThePolicyIsWarnedOf) {
  const std::string high = kHeader +
                           "metadata: {name: h}\nmatch: {cgroups: [/a]}\n"
                           "memory: {high: 64MiB, max: 64MiB}\n";
  EXPECT_THAT(render(load_policy_set({{"h.yaml", high}}).warnings), HasSubstr("L14"));
  const PolicySet set =
      load_policy_set({{"h.yaml", high}, drop_in("a.yaml", "memory: {max: 128MiB}\n", "h")});
  EXPECT_THAT(render(set.warnings), ::testing::Not(HasSubstr("L14")));
}

TEST(DropIn, Errors) {
  EXPECT_THAT(render(load({drop_in("a.yaml", "cpu: {max: x}\n")}).errors),
              HasSubstr("web.d/a.yaml:3:12: error"));
  EXPECT_THAT(
      render(load({drop_in("a.yaml", "metadata: {name: db}\n")}).errors),
      HasSubstr("this drop-in is for policy web, whose directory it is in, and not for db"));
  EXPECT_THAT(render(load({drop_in("a.yaml", "unset: [memory.hihg]\n")}).errors),
              HasSubstr("did you mean \"memory.high\"?"));
  EXPECT_THAT(render(load({{"b.yaml", kHeader + "unset: [memory.high]\n"}}).errors),
              HasSubstr("unknown key \"unset\""));
  const PolicySet nobody = load({drop_in("a.yaml", "pids: {max: 1}\n", "db")});
  EXPECT_THAT(nobody.errors, IsEmpty());
  EXPECT_THAT(render(nobody.warnings), HasSubstr("there is no policy db"));
}

TEST(SharedTemplates, AreKnownInAllFiles) {
  const PolicyFile templates{"t.yaml",
                             "apiVersion: cgwarden/v1\nkind: Template\nmetadata: {name: small}\n"
                             "pids: {max: 3}\n"};
  const PolicyFile user{"b.yaml", kHeader +
                                      "metadata: {name: b}\nmatch: {cgroups: [/b]}\n"
                                      "templates: small\n"};
  const PolicySet set = load_policy_set({templates, user});
  ASSERT_THAT(set.errors, IsEmpty()) << render(set.errors);
  EXPECT_EQ(set.policies.at(0).resources.pids_max, LimitOf<std::uint64_t>(std::uint64_t{3}));
  EXPECT_EQ(set.policies.at(0).resources.positions.at("pids.max").text(), "t.yaml:4:8");
  PolicyFile again = templates;
  again.path = "u.yaml";
  EXPECT_THAT(render(load_policy_set({templates, again, user}).errors),
              HasSubstr("b.yaml:5:12: error: templates cannot be \"small\": t.yaml and u.yaml both "
                        "have a template of that name"));
  // A file's own comes first.
  PolicyFile own = user;
  own.yaml += "---\n" + templates.yaml;
  EXPECT_THAT(load_policy_set({templates, again, own}).errors, IsEmpty());
}

TEST(PolicySet, OneBadFileLeavesNoPolicies) {
  const PolicySet set = load({{"b.yaml", "apiVersion: cgwarden/v1\n"}, {"c.yaml", "a: [\n"}});
  EXPECT_THAT(set.policies, IsEmpty());
  EXPECT_THAT(render(set.errors), HasSubstr("b.yaml:"));
  EXPECT_THAT(render(set.errors), HasSubstr("c.yaml:"));
}

}  // namespace
}  // namespace cgwarden::policy
