// match: whose the cgroups of a policy are.
#include "policy/selector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/match.h"
#include "policy/plan.h"
#include "policy/policy_list.h"
#include "tests/policy/loading.h"

namespace cgwarden::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::policy_errors;

std::string text_of(const std::string& match) {
  return "apiVersion: cgwarden/v1\nkind: Policy\nmetadata: {name: p}\nmatch: " + match +
         "\npids: {max: 5}\n";
}

Policy matching(const std::string& match) {
  auto loaded = load_policies(text_of(match), "p.yaml");
  EXPECT_TRUE(loaded) << render(loaded.error());
  return loaded ? loaded->policies.at(0) : Policy{};
}

// A node with a unit, a pod of two containers and a workload.
struct Machine {
  std::map<std::string, CgroupTraits> traits;
  std::map<std::string, std::map<std::string, std::string>> xattrs;
};

Machine machine() {
  const auto traits = [](const char* unit, const char* pod, const char* container) {
    CgroupTraits of;
    of.unit = unit;
    of.pod = pod;
    of.pod_namespace = *pod == 0 ? "" : "shop";
    of.container = container;
    // 60 digits and four: "server" ends with 5e00, "sidecar" with 51de.
    if (*container != 0) {
      of.container_id =
          "db" + std::string(58, '7') + (std::string(container) == "server" ? "5e00" : "51de");
    }
    return of;
  };
  CgroupTraits workload;
  workload.workload = "web";
  workload.labels = {{"tier", "gold"}, {"team", "a"}};
  Machine made;
  made.traits = {{"/system.slice", traits("system.slice", "", "")},
                 {"/system.slice/web.service", traits("web.service", "", "")},
                 {"/system.slice/web.service/inner", traits("", "", "")},
                 {"/kubepods/pod1", traits("", "cart-1", "")},
                 {"/kubepods/pod1/a", traits("", "cart-1", "server")},
                 {"/kubepods/pod1/b", traits("", "cart-1", "sidecar")},
                 {"/cgwarden.slice/web.scope/payload", workload}};
  made.xattrs = {{"/system.slice/web.service", {{"user.tier", "gold"}}},
                 {"/kubepods/pod1/b", {{"user.tier", "tin"}}}};
  return made;
}

std::vector<std::string> selected(const std::string& match) {
  const Machine of = machine();
  std::vector<cgroup::Sample> samples;
  for (const auto& [path, traits] : of.traits) {
    samples.emplace_back().path = path;
    samples.back().id = CgroupId{samples.size()};
    samples.back().pids_max = LimitOf<std::uint64_t>(Max{});
  }
  const cgroup::Snapshot snapshot(TimePoint{}, std::move(samples));
  std::vector<Policy> policies{matching(match)};
  select_cgroups(
      policies, snapshot.samples(),
      {[&](const cgroup::Sample& sample) { return of.traits.at(sample.path); },
       [&](const cgroup::Sample& sample, const std::string& name) -> std::optional<std::string> {
         const auto values = of.xattrs.find(sample.path);
         if (values == of.xattrs.end()) return std::nullopt;
         const auto value = values->second.find(name);
         return value == values->second.end() ? std::nullopt : std::optional(value->second);
       }});
  std::vector<std::string> paths;
  for (const Write& write : plan(snapshot, policies).writes) paths.push_back(write.cgroup);
  return paths;
}

TEST(Selector, AUnitIsItsOwnCgroupAlone) {
  EXPECT_THAT(selected("{units: web.service}"), ElementsAre("/system.slice/web.service"));
  EXPECT_THAT(selected("{units: ['*.slice', 'web*']}"),
              ElementsAre("/system.slice", "/system.slice/web.service"));
  EXPECT_THAT(selected("{units: db.service}"), IsEmpty());
}

TEST(Selector, APodAloneIsThePodAndWithContainersThoseInIt) {
  EXPECT_THAT(selected("{pods: cart-*}"), ElementsAre("/kubepods/pod1"));
  EXPECT_THAT(selected("{namespaces: shop}"), ElementsAre("/kubepods/pod1"));
  EXPECT_THAT(selected("{namespaces: shop, containers: '*'}"),
              ElementsAre("/kubepods/pod1/a", "/kubepods/pod1/b"));
  EXPECT_THAT(selected("{pods: cart-1, containers: server}"), ElementsAre("/kubepods/pod1/a"));
  EXPECT_THAT(selected("{containers: db" + std::string(58, '7') + "51de}"),
              ElementsAre("/kubepods/pod1/b"));
  EXPECT_THAT(selected("{containers: 'db7777777777*'}"),
              ElementsAre("/kubepods/pod1/a", "/kubepods/pod1/b"));
  // Of a name, and not of whose id begins so.
  EXPECT_THAT(selected("{containers: 'db*'}"), IsEmpty());
  EXPECT_THAT(selected("{containers: '[!s]*'}"), IsEmpty());
  EXPECT_THAT(selected("{namespaces: other, containers: '*'}"), IsEmpty());
}

TEST(Selector, WorkloadsByNameAndLabels) {
  EXPECT_THAT(selected("{workloads: w*}"), ElementsAre("/cgwarden.slice/web.scope/payload"));
  EXPECT_THAT(selected("{labels: {tier: g*, team: a}}"),
              ElementsAre("/cgwarden.slice/web.scope/payload"));
  EXPECT_THAT(selected("{labels: {tier: gold, team: b}}"), IsEmpty());
  EXPECT_THAT(selected("{labels: {missing: '*'}}"), IsEmpty());
}

TEST(Selector, AnAttributeOfTheCgroupAndAGlobOverItsPath) {
  EXPECT_THAT(selected("{xattrs: {user.tier: '*'}}"),
              ElementsAre("/kubepods/pod1/b", "/system.slice/web.service"));
  EXPECT_THAT(selected("{cgroups: /system.slice/*, xattrs: {user.tier: gold}}"),
              ElementsAre("/system.slice/web.service"));
  EXPECT_THAT(selected("{cgroups: /kubepods/**, xattrs: {user.tier: gold}}"), IsEmpty());
}

// Nobody has looked: it is for no cgroup, not for all.
TEST(Selector, IsForNothingBeforeAnybodyLooked) {
  EXPECT_FALSE(applies_to(matching("{units: web.service}"), "/system.slice/web.service"));
  EXPECT_FALSE(applies_to(matching("{cgroups: /a, xattrs: {user.x: y}}"), "/a"));
  EXPECT_TRUE(applies_to(matching("{cgroups: /a}"), "/a"));
}

TEST(Selector, APlanSaysWhatSelectsNothing) {
  std::vector<Policy> policies{matching("{units: [a.service, b.service], labels: {x: y}}")};
  const cgroup::Snapshot empty;
  select_cgroups(policies, empty.samples(), {});
  const auto made = plan(empty, policies);
  ASSERT_EQ(made.warnings.size(), 1U);
  EXPECT_EQ(made.warnings[0].message,
            "policy p: units a.service or b.service, label x=y select no cgroup");
  EXPECT_EQ(made.warnings[0].rule, "L41");
}

TEST(PolicyList, TellsWhereEachComesFromAndForHowManyItIs) {
  std::vector<Policy> policies{matching("{units: web.service}"),
                               testing::policy_of("q", "/a", "cpu: {weight: 5}\n")};
  policies[1].drop_ins = {"q.d/x.yaml"};
  cgroup::Sample sample;
  sample.path = "/a";
  const cgroup::Snapshot snapshot(TimePoint{}, {sample});
  EXPECT_EQ(render_policies(policies, snapshot),
            "q  priority 0, for 1 cgroup now  (q.yaml:1:1)\n"
            "  match    /a\n"
            "  sets     cpu.weight\n"
            "  drop-in  q.d/x.yaml\n"
            "p  priority 0, for 0 cgroups now  (p.yaml:1:1)\n"
            "  match    units web.service\n"
            "  sets     pids.max\n");
  EXPECT_THAT(policies_json(policies, snapshot), HasSubstr("\"cgroups\": 1"));
}

TEST(Selector, Errors) {
  EXPECT_THAT(policy_errors(text_of("{}")), HasSubstr("p.yaml:4:8: error: match selects nothing"));
  EXPECT_THAT(policy_errors(text_of("{units: []}")), HasSubstr("match.units is an empty list"));
  EXPECT_THAT(policy_errors(text_of("{units: ['a[b']}")),
              HasSubstr("p.yaml:4:19: error: match.units is not a glob over a name: a [ is not "
                        "closed by ]"));
  EXPECT_THAT(policy_errors(text_of("{pods: '**'}")), HasSubstr("match.pods is not a glob"));
  EXPECT_THAT(policy_errors(text_of("{unit: a}")), HasSubstr("did you mean \"units\"?"));
  EXPECT_THAT(policy_errors(text_of("{labels: gold}")), HasSubstr("match.labels must be a map"));
  EXPECT_THAT(policy_errors(text_of("{xattrs: {security.x: y}}")),
              HasSubstr("extended attributes of user. and trusted. alone"));
}

TEST(Selector, ANameIsMatchedAsAWhole) {
  EXPECT_TRUE(name_matches("*", "a/b"));
  EXPECT_TRUE(name_matches("web-?.service", "web-1.service"));
  EXPECT_FALSE(name_matches("web", "web-1"));
  EXPECT_FALSE(name_matches("", ""));
  EXPECT_FALSE(name_matches("**", "a"));
}

// What is said of a unit by its glob is said of it by its name, too.
TEST(Selector, UnitsAreLinted) {
  EXPECT_THAT(policy_errors("apiVersion: cgwarden/v1\nkind: Policy\nmetadata: {name: p}\n"
                            "match: {units: web.service}\ncpu: {max: 5ms/1s}\n"),
              HasSubstr("[L09]"));
}

}  // namespace
}  // namespace cgwarden::policy
